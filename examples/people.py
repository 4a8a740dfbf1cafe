"""Made-up people: names that real rolls hold, and identity numbers that pass every check and belong to no one.

Region codes begin with 99, which no place has; telephone numbers with 120, which no network has. One in eight has a
character beyond the BMP, one in twelve a middle dot, a few a residence permit, a permanent resident card or a passport.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from certsvc.person.identity import IdType, Sex, resident_check_character

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁"
    "任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴"
    "莫孔向汤"
)
DOUBLE_SURNAMES = ("欧阳", "上官", "司马", "诸葛", "尉迟", "慕容")
GIVEN = (
    "伟芳娜敏静丽强磊洋勇艳杰娟涛明超秀霞平刚桂文辉玲红军波宁健俊帆雪晨浩宇轩泽瑞嘉怡欣妍思琪梓涵子墨"
    "若云海川岚青松柏峰源溪桐楠竹远航安然予舟晓东南星辰一鸣知行"
)
# Of the 196 characters of 通用规范汉字表 beyond the BMP, some that stand in names; and 𠮷, which is not in that table.
RARE = (
    "𬭊𬍛𬶮𬤝𬤇𬣡𬣙𬣞𬱖𬸚𬱟𬷕𬘭𬘫𬘬𬇕𬍡𬍤𬊤𫘧𫘝𫖯𫖮𫍯𫍽𫍣𫄸𫄨𫐓𪻐𪩘𪟝𬀩𬀪𬂩𬊈𬒈𬒔𬕂𬜬𬟁𬟽𬬩𬬭𬬱𬭎𬭚𬭼"
    "𬮿𬯀𬳵𬴊𬸘𣲗𣲘𣸣𥔲𤩽𨱇𡐓𠮷"
)
MINORITY_FIRST = ("阿依古丽", "买买提", "扎西", "卓玛", "才让", "古丽娜尔", "艾力", "巴特尔", "索南", "热依汗")
MINORITY_LAST = ("阿不都拉", "吐尔逊", "多杰", "央金", "尼玛", "卡德尔", "图尔荪江", "旦增", "拉姆", "木合塔尔")
LATIN = ("Anna-Lena O'Made", "José Inventado", "Zoë van den Beispiel", "Jean-Luc Fictif", "Søren Prøve", "Maria Żadna")

_MIDDLE_DOT = "\u00b7"


@dataclass(frozen=True, slots=True)
class MadeUpPerson:
    name: str
    sex: Sex
    id_type: IdType
    id_number: str
    birth_date: date
    phone: str


def make_person(index: int, random: Random, adult_on: date) -> MadeUpPerson:
    """Person number `index` (numbers of different indexes differ), at least eighteen on a day."""
    sex = random.choice((Sex.MALE, Sex.FEMALE))
    birth_date = adult_on - timedelta(days=random.randrange(18 * 366 + 1, 60 * 365))
    id_type = _id_type(index)
    return MadeUpPerson(
        name=_name(index, id_type, random),
        sex=sex,
        id_type=id_type,
        id_number=_id_number(index, id_type, birth_date, sex),
        birth_date=birth_date,
        phone=f"120{index % 10**8:08d}",
    )


def _id_type(index: int) -> IdType:
    return {
        17: IdType.HMT_RESIDENCE_PERMIT,
        37: IdType.FOREIGN_PERMANENT_RESIDENT,
        57: IdType.PASSPORT,
    }.get(index % 60, IdType.RESIDENT_ID)


def _name(index: int, id_type: IdType, random: Random) -> str:
    if id_type in (IdType.PASSPORT, IdType.FOREIGN_PERMANENT_RESIDENT):
        return random.choice(LATIN)
    if index % 12 == 5:
        return random.choice(MINORITY_FIRST) + _MIDDLE_DOT + random.choice(MINORITY_LAST)
    surname = random.choice(DOUBLE_SURNAMES) if index % 25 == 24 else random.choice(SURNAMES)
    given = "".join(random.choice(GIVEN) for _ in range(random.choice((1, 2, 2))))
    if index % 8 == 2:
        given = given[:-1] + random.choice(RARE)
    return surname + given


def _id_number(index: int, id_type: IdType, birth_date: date, sex: Sex) -> str:
    if id_type is IdType.PASSPORT:
        return f"XX{index:07d}"
    group, place = divmod(index, 500)
    region = "810000" if id_type is IdType.HMT_RESIDENCE_PERMIT else f"99{group % 10_000:04d}"
    order = 2 * place + (sex is Sex.MALE)
    first17 = f"{region}{birth_date:%Y%m%d}{order:03d}"
    return first17 + resident_check_character(first17)
