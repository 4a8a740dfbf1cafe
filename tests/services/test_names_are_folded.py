"""R9: names and numbers are compared folded at every door; what is stored and printed stays as it is."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text

from certsvc.credential.canonical import load_strict
from certsvc.credential.document import read_claims
from certsvc.errors import ImportRefused, ReissueRefused
from certsvc.services.audit.check_register import check_log
from certsvc.services.certificates import reissue
from certsvc.services.certificates.import_paper import import_paper
from certsvc.services.examination.import_results import import_results
from certsvc.services.holders import sign_in
from certsvc.services.holders.codes import make_access_code
from certsvc.services.registration.import_roster import import_candidates
from certsvc.services.verification import look_up
from certsvc.store import CertificateRecord, PersonRecord
from tests.builders.holding import identity
from tests.builders.installation import Installation, Person, made_up

WANG = made_up(1, "王芳")
AYGUL = made_up(2, "阿依古丽·买买提")
JOSE = made_up(3, unicodedata.normalize("NFD", "José Inventado"))
ANNA = made_up(4, "Anna-Lena O'Made")
PAPER = made_up(5, "Anna-Lena O'Made")
PAPER_NUMBER = "A-2010-0077"
TYPED = [
    (WANG, "王芳 "),
    (WANG, "王 芳"),
    (WANG, "\t王\u3000芳\u3000"),
    (WANG, "王\u200b芳"),
    (AYGUL, "阿依古丽.买买提"),
    (AYGUL, "阿依古丽•买买提"),
    (AYGUL, "阿依古丽 · 买买提"),
    (AYGUL, "阿依古丽・买买提"),
    (JOSE, "José Inventado"),
    (JOSE, "JOSÉ  INVENTADO"),
    (ANNA, "ANNA-LENA O'MADE"),
    (ANNA, "Anna\u2013Lena O\u2019Made "),
    (ANNA, "Anna-Lena O'Made"),
]
OTHERS = [(WANG, "王方"), (WANG, "芳王"), (AYGUL, "阿依古丽"), (ANNA, "Anna Lena O Made"), (JOSE, "Jose Inventado")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """No test changes it for the next but by codes."""
    installation = Installation(tmp_path_factory.mktemp("folded") / "home")
    installation.issue(WANG, AYGUL, JOSE, ANNA)
    installation.import_paper((PAPER_NUMBER, PAPER))
    yield installation
    installation.services.database.close()


def issued_to(home: Installation, person: Person) -> CertificateRecord:
    lookup = home.services.vault.lookup(identity(person))
    with home.services.database.reading() as session:
        holder = session.scalar(select(PersonRecord.id).where(PersonRecord.id_lookup == lookup))
        return session.scalars(select(CertificateRecord).where(CertificateRecord.person_id == holder)).one()


@pytest.mark.parametrize(("person", "typed"), TYPED)
def test_by_number_and_name_and_in_a_list(home: Installation, person: Person, typed: str) -> None:
    number = issued_to(home, person).number
    spaced = " ".join((number[:4], number[4:8], number[8:]))
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in number)
    for asked in (number, spaced, wide, f"{number[:4]}-{number[4:]}", f"{number[:4]}\u2013{number[4:]}"):
        found = look_up.by_number_and_name(home.services, asked, typed)
        assert found is not None
        assert (found.state, found.number) == ("valid", number)
        (listed,) = look_up.by_numbers_and_names(home.services, [(asked, typed)])
        assert listed is not None
        assert (listed.state, listed.number) == ("valid", number)


@pytest.mark.parametrize(("person", "typed"), TYPED)
def test_in_match_mode(home: Installation, person: Person, typed: str) -> None:
    last_six = person.last_six.lower()
    grouped = f" {last_six[:2]}-{last_six[2:]} "
    assert look_up.match(home.services, issued_to(home, person).token, typed, grouped)


@pytest.mark.parametrize(("person", "typed"), TYPED)
def test_when_the_holder_signs_in(home: Installation, person: Person, typed: str) -> None:
    code = make_access_code(home.services, identity(person), by="柜台").code
    assert sign_in.sign_in(home.services, typed, identity(person), code) is not None


@pytest.mark.parametrize(("person", "typed"), OTHERS)
def test_another_name_opens_no_door(home: Installation, person: Person, typed: str) -> None:
    row = issued_to(home, person)
    assert look_up.by_number_and_name(home.services, row.number, typed) is None
    assert look_up.by_numbers_and_names(home.services, [(row.number, typed)]) == [None]
    assert not look_up.match(home.services, row.token, typed, person.last_six)
    code = make_access_code(home.services, identity(person), by="柜台").code
    assert sign_in.sign_in(home.services, typed, identity(person), code) is None


@pytest.mark.parametrize("number", ["A-2010-0077", "a20100077", "A 2010 0077", "A\u20132010\u20140077", "Ａ-2010-0077"])
def test_paper_by_number_and_name_and_in_match_mode(home: Installation, number: str) -> None:
    found = look_up.by_number_and_name(home.services, number, "anna-lena o\u2019made")
    assert found is not None
    assert (found.state, found.number) == ("paper_valid", PAPER_NUMBER)
    assert look_up.by_numbers_and_names(home.services, [(number, PAPER.name)]) == [found]
    assert look_up.match_paper(home.services, number, "ANNA-LENA O'MADE", PAPER.last_six)
    assert not look_up.match_paper(home.services, number, WANG.name, PAPER.last_six)


def test_what_shows_nothing_is_no_name(home: Installation) -> None:
    number = issued_to(home, WANG).number
    for nothing in ("", " ", "\u200b", "\x00"):
        assert look_up.by_number_and_name(home.services, number, nothing) is None
        assert look_up.by_numbers_and_names(home.services, [(number, nothing)]) == [None]


# Two numbers may fold to one: the one that was typed is meant


def test_of_two_numbers_that_fold_to_one_the_one_that_was_typed_is_meant(tmp_path: Path) -> None:
    home = Installation(tmp_path / "home")
    home.import_paper(("1-23", WANG), ("12-3", made_up(6, "王芳")), ("12-30", WANG))
    for asked, number in (("1-23", "1-23"), ("12-3", "12-3"), ("123", "1-23"), ("12-30", "12-30")):
        found = look_up.by_number_and_name(home.services, asked, "王芳")
        assert found is not None
        assert found.number == number
        assert look_up.by_numbers_and_names(home.services, [(asked, "王芳")]) == [found]
    # The holder of the one is not refused for the other.
    for person, number in ((WANG, "1-23"), (made_up(6, "王芳"), "12-3")):
        assert reissue.apply(
            home.services, number="123", name=person.name, identity=identity(person), reason="lost", by="甲"
        ).number == number  # fmt: skip
    home.services.database.close()


def test_a_row_whose_folded_columns_are_not_its_own_is_shown_as_nothing_genuine(tmp_path: Path) -> None:
    """Somebody who can write the table makes it answer to another name: the signed bytes say whose it is."""
    home = Installation(tmp_path / "home")
    home.issue(WANG, AYGUL)
    number = issued_to(home, WANG).number
    with home.services.database.writing() as session:
        session.execute(
            text("update certificate set holder_name_folded = '李四' where number = :number"), {"number": number}
        )
    for found in (
        look_up.by_number_and_name(home.services, number, "李四"),
        *look_up.by_numbers_and_names(home.services, [(number, "李四")]),
    ):
        assert found is not None
        assert (found.state, found.masked_name) == ("forged", "")
    assert not check_log(home.services).ok
    home.services.database.close()


# Reissue


def test_a_reissue_is_asked_for_in_any_spelling_and_issued_in_the_registers(tmp_path: Path) -> None:
    home = Installation(tmp_path / "home")
    home.import_paper((PAPER_NUMBER, PAPER))

    def apply(number: str, name: str) -> reissue.Request:
        return reissue.apply(
            home.services, number=number, name=name, identity=identity(PAPER), reason="lost", by="甲"
        )  # fmt: skip

    request = apply("a 2010 0077", "ANNA\u2013LENA O\u2019MADE ")
    assert (request.number, request.name) == (PAPER_NUMBER, PAPER.name)
    assert apply(PAPER_NUMBER, PAPER.name).id == request.id
    with pytest.raises(ReissueRefused, match="not as in the paper register"):
        apply(PAPER_NUMBER, "Anna Made")
    reissue.approve(home.services, request.id, by="乙")
    claims = read_claims(load_strict(home.row(PAPER_NUMBER, 2).document))
    assert (claims.number, claims.holder_name) == (PAPER_NUMBER, PAPER.name)
    assert apply("A20100077", "anna-lena o'made").id == request.id
    home.services.database.close()


def test_an_electronic_number_is_known_with_dashes_too(home: Installation) -> None:
    number = issued_to(home, WANG).number
    evidence = reissue.Evidence("复印件", home.services.today(), "示例鉴定中心")
    with pytest.raises(ReissueRefused, match="electronic certificate"):
        reissue.apply(
            home.services,
            number=f"{number[:4]}-{number[4:]}",
            name=WANG.name,
            identity=identity(WANG),
            reason="lost",
            by="甲",
            evidence=evidence,
        )


# Imports against the register


def _csv(folder: Path, *lines: str) -> Path:
    path = folder / f"{len(list(folder.glob('*.csv')))}.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


RESULTS = "证件号码,姓名,科目,考试日期,考试性质,成绩"
ROSTER = "姓名,性别,证件类型,证件号码,出生日期,手机号码,培训机构,健康承诺,报名日期"
REGISTER = "证书编号,姓名,证件类型,证件号码,职业,等级,发证日期,发证机构"


def _candidate(person: Person, name: str, on: str = "2025-03-01") -> str:
    number = person.id_number
    sex, born = "男" if int(number[16]) % 2 else "女", f"{number[6:10]}-{number[10:12]}-{number[12:14]}"
    return f"{name},{sex},居民身份证,{number},{born},13800000000,测试培训机构,是,{on}"


def test_results_are_the_persons_in_any_spelling(tmp_path: Path) -> None:
    home = Installation(tmp_path / "home")
    import_candidates(home.services, _csv(tmp_path, ROSTER, _candidate(ANNA, ANNA.name)), by="登记员")
    spelt = _csv(tmp_path, RESULTS, f"{ANNA.id_number},ANNA-LENA O\u2019MADE,理论知识考试,2025-03-24,初考,88")
    assert import_results(home.services, spelt, by="考评员").new == 1
    other = _csv(tmp_path, RESULTS, f"{ANNA.id_number},Anna Lena,技能考核,2025-03-24,初考,88")
    with pytest.raises(ImportRefused):
        import_results(home.services, other, by="考评员")
    home.services.database.close()


def test_a_roster_that_spells_a_name_otherwise_changes_nothing_and_says_so(tmp_path: Path) -> None:
    home = Installation(tmp_path / "home")
    import_candidates(home.services, _csv(tmp_path, ROSTER, _candidate(ANNA, ANNA.name)), by="登记员")
    spelt = "ANNA-LENA O\u2019Made"
    again = import_candidates(home.services, _csv(tmp_path, ROSTER, _candidate(ANNA, spelt)), by="登记员")
    assert (again.new, again.unchanged, len(again.warnings)) == (0, 1, 1)
    assert ANNA.name in again.warnings[0].zh
    # A further registration, after the first was failed, keeps the spelling as well.
    failed = [
        f"{ANNA.id_number},{ANNA.name},{subject},{day},{kind},50"
        for subject in ("理论知识考试", "技能考核")
        for day, kind in (("2025-03-24", "初考"), ("2025-06-24", "补考"))
    ]
    import_results(home.services, _csv(tmp_path, RESULTS, *failed), by="考评员")
    later = import_candidates(home.services, _csv(tmp_path, ROSTER, _candidate(ANNA, spelt, "2025-09-01")), by="登记员")
    assert (later.new, len(later.warnings)) == (1, 1)
    with home.services.database.reading() as session:
        assert session.scalars(select(PersonRecord.name)).all() == [ANNA.name]
    with pytest.raises(ImportRefused):
        import_candidates(home.services, _csv(tmp_path, ROSTER, _candidate(ANNA, "Anna Lena", "2025-09-01")), by="甲")
    home.services.database.close()


def test_the_paper_register_takes_the_same_entry_in_another_spelling_as_unchanged(tmp_path: Path) -> None:
    home = Installation(tmp_path / "home")
    home.import_paper((PAPER_NUMBER, PAPER), ("12-3", WANG))

    def entry(number: str, person: Person, name: str) -> str:
        return f"{number},{name},居民身份证,{person.id_number},应急救援员,5,2023-06-01,示例鉴定中心"

    same = _csv(tmp_path, REGISTER, entry("A20100077", PAPER, "ANNA-LENA O\u2019MADE"), entry("12-3", WANG, "王芳"))
    report = import_paper(home.services, same, by="甲")
    assert (report.new, report.unchanged, len(report.warnings)) == (0, 2, 2)
    # Another person's number with its dashes elsewhere is another certificate.
    report = import_paper(home.services, _csv(tmp_path, REGISTER, entry("1-23", AYGUL, AYGUL.name)), by="甲")
    assert report.new == 1
    with pytest.raises(ImportRefused):
        import_paper(home.services, _csv(tmp_path, REGISTER, entry("12-3", WANG, "王方")), by="甲")
    home.services.database.close()


def test_paper_may_not_have_an_electronic_number_with_dashes_in_it(home: Installation, tmp_path: Path) -> None:
    number = issued_to(home, WANG).number
    row = f"{number[:4]}-{number[4:]},王芳,居民身份证,{WANG.id_number},应急救援员,5,2023-06-01,示例鉴定中心"
    with pytest.raises(ImportRefused):
        import_paper(home.services, _csv(tmp_path, REGISTER, row), by="甲")
