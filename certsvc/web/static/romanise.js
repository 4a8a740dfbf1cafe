// How a Chinese name is read, in pinyin: an aid for readers of the English pages, and no part of the certificate.
// Worked out on the device from pinyin.txt, so that no name leaves it. A name of which one character is not known gets
// none. Surname first, given name in one word, as GB/T 28039 has it; with tones, which passports leave out.

// Surnames of two characters; each is read as here also where its characters are read otherwise.
const TWO = new Map(Object.entries({
  欧阳: "Ōuyáng", 上官: "Shàngguān", 司马: "Sīmǎ", 东方: "Dōngfāng", 独孤: "Dúgū", 南宫: "Nángōng", 万俟: "Mòqí",
  闻人: "Wénrén", 夏侯: "Xiàhóu", 诸葛: "Zhūgě", 尉迟: "Yùchí", 公羊: "Gōngyáng", 赫连: "Hèlián", 澹台: "Tántái",
  皇甫: "Huángfǔ", 宗政: "Zōngzhèng", 濮阳: "Púyáng", 公冶: "Gōngyě", 太叔: "Tàishū", 申屠: "Shēntú", 公孙: "Gōngsūn",
  慕容: "Mùróng", 仲孙: "Zhòngsūn", 钟离: "Zhōnglí", 长孙: "Zhǎngsūn", 宇文: "Yǔwén", 司徒: "Sītú", 鲜于: "Xiānyú",
  司空: "Sīkōng", 闾丘: "Lǘqiū", 亓官: "Qíguān", 司寇: "Sīkòu", 巫马: "Wūmǎ", 公西: "Gōngxī", 颛孙: "Zhuānsūn",
  壤驷: "Rǎngsì", 公良: "Gōngliáng", 漆雕: "Qīdiāo", 乐正: "Yuèzhèng", 宰父: "Zǎifǔ", 谷梁: "Gǔliáng", 拓跋: "Tuòbá",
  轩辕: "Xuānyuán", 令狐: "Línghú", 段干: "Duàngān", 百里: "Bǎilǐ", 呼延: "Hūyán", 东郭: "Dōngguō", 羊舌: "Yángshé",
  微生: "Wēishēng", 左丘: "Zuǒqiū", 西门: "Xīmén", 南门: "Nánmén", 端木: "Duānmù", 太史: "Tàishǐ", 第五: "Dìwǔ",
}));
// Surnames of one character that are read otherwise than the character mostly is.
const ONE = new Map(Object.entries({
  单: "Shàn", 解: "Xiè", 曾: "Zēng", 仇: "Qiú", 任: "Rén", 区: "Ōu", 朴: "Piáo", 查: "Zhā", 盖: "Gě", 葛: "Gě", 冼: "Xiǎn",
  洗: "Xiǎn", 覃: "Qín", 乐: "Yuè", 那: "Nā", 缪: "Miào", 翟: "Zhái", 折: "Shé", 黑: "Hè", 秘: "Bì", 员: "Yùn", 种: "Chóng",
  召: "Shào", 繁: "Pó", 撒: "Sǎ", 句: "Gōu", 纪: "Jǐ", 哈: "Hǎ", 瞿: "Qú", 郇: "Xún", 阚: "Kàn", 牟: "Mù", 祭: "Zhài",
  晁: "Cháo", 幺: "Yāo", 仉: "Zhǎng", 肖: "Xiāo", 应: "Yīng", 华: "Huà", 过: "Guō", 於: "Yū", 相: "Xiàng", 薄: "Bó", 贾: "Jiǎ",
  强: "Qiáng", 尉: "Wèi", 呙: "Guō", 都: "Dū", 藏: "Zàng", 谌: "Chén", 乜: "Niè", 少: "Shào", 占: "Zhān", 莘: "Shēn",
  燕: "Yān", 郗: "Xī", 恽: "Yùn", 粘: "Nián", 贲: "Bēn", 鲜: "Xiān", 石: "Shí", 沈: "Shěn", 盛: "Shèng", 宓: "Mì", 卜: "Bǔ",
  教: "Jiào", 佴: "Nài", 适: "Kuò", 钭: "Tǒu", 隗: "Wěi", 柏: "Bǎi", 车: "Chē", 参: "Shēn", 万: "Wàn", 干: "Gān", 宁: "Níng",
}));
const VOWEL = /^[aoeāáǎàōóǒòēéěè]/i;

let table;
async function readings(address) {
  table ??= (async () => {
    const answer = await fetch(address);
    if (!answer.ok) throw new Error("pinyin");
    const read = new Map();
    for (const line of (await answer.text()).split("\n")) {
      const [syllable, characters] = line.split(" ");
      if (characters && syllable !== "#") for (const one of characters) read.set(one, syllable);
    }
    return read;
  })();
  table.catch(() => { table = undefined; });
  return table;
}

const capital = (word) => word.charAt(0).toLocaleUpperCase() + word.slice(1);

// One word, with an apostrophe where two syllables could be read as other ones: Xī'ān.
function joined(characters, read) {
  const syllables = characters.map((one) => read.get(one));
  if (syllables.some((one) => one === undefined)) return null;
  return capital(syllables.reduce((word, one) => word + (word && VOWEL.test(one) ? "'" : "") + one, ""));
}

function whole(characters, read) {
  const two = characters.length > 2 ? TWO.get(characters.slice(0, 2).join("")) : undefined;
  const given = joined(characters.slice(two ? 2 : 1), read);
  const family = two ?? ONE.get(characters[0]) ?? joined(characters.slice(0, 1), read);
  return given === null || family === null ? null : `${family} ${given}`.trim();
}

// The reading, or null for a name that is not wholly in Chinese characters or has one that is not known.
export async function romanise(name, address) {
  const parts = name.split("·").map((part) => [...part]);
  if (!/^[\p{Script=Han}〇·]+$/u.test(name) || parts.some((part) => !part.length)) return null;
  const read = await readings(address);
  // A name with · has no surname to be told apart: its parts are read as they are written.
  const said = parts.length === 1 ? [whole(parts[0], read)] : parts.map((part) => joined(part, read));
  return said.includes(null) ? null : said.join(" · ");
}
