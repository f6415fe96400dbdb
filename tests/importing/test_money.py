"""Price cells, one by one: what is read, what is refused, and in which words."""

from __future__ import annotations

from decimal import Decimal

import pytest

from syncops.errors import InputRefused
from syncops.importing.currencies import CODES, CONFIRMING, NAMING
from syncops.importing.dialect import Dialect
from syncops.importing.money import Price, Sign, agree, read_price, refuse_decimals
from syncops.importing.rows import Reason
from syncops.values import EXPONENTS


def price(cell: str, dialect: Sign | None = None, currency: str | None = "EUR") -> Price:
    found = read_price(cell, dialect=dialect, currency=currency)
    assert isinstance(found, Price), found
    return found


def reason(cell: str, dialect: Sign | None = None, currency: str | None = "EUR") -> Reason:
    found = read_price(cell, dialect=dialect, currency=currency)
    assert isinstance(found, Reason), found
    return found


@pytest.mark.parametrize(
    ("cell", "amount", "proves"),
    [
        ("12", "12", None),
        ("12.5", "12.5", "."),
        ("12,50", "12.5", ","),
        ("0012.50", "12.5", "."),
        (" 7.10\u00a0", "7.1", "."),
        ("1,299.00", "1299", "."),
        ("1.299,00", "1299", ","),
        ("1 299,00", "1299", ","),
        ("1\u00a0299,5", "1299.5", ","),
        ("1\u202f299.00", "1299", "."),
        ("1'299.00", "1299", "."),
        ("1 299", "1299", None),
        ("1.299.000", "1299000", ","),
        ("1,299,000", "1299000", "."),
        ("12,345,678.90", "12345678.9", "."),
        ("1.50000", "1.5", "."),
        ("9999999999.99", "9999999999.99", "."),
    ],
)
def test_I10_shapes_that_are_read(cell: str, amount: str, proves: str | None) -> None:
    found = price(cell)
    assert (found.amount, found.proves, found.ambiguous) == (Decimal(amount), proves, False)
    dialects: tuple[Sign, ...] = (".", ",")
    for dialect in dialects:
        again = read_price(cell, dialect=dialect, currency="EUR")
        if proves in (None, dialect):
            assert again == found
        else:
            assert isinstance(again, Reason)
            assert (again.code, again.proves) == ("E_SYNTAX", proves)


@pytest.mark.parametrize(
    ("cell", "with_point", "with_comma"),
    [
        ("1.299", "E_DECIMALS", "1299"),
        ("1,299", "1299", "E_DECIMALS"),
        ("1.500", "1.5", "1500"),
        ("0.500", "0.5", "E_SYNTAX"),
        ("1299.000", "1299", "E_SYNTAX"),
        ("1 299,000", "E_SYNTAX", "1299"),
    ],
)
def test_I11_one_separator_before_three_digits_is_ambiguous(
    cell: str, with_point: str, with_comma: str
) -> None:
    assert reason(cell).code == "F_DECIMAL"
    readings: tuple[tuple[Sign, str], ...] = ((".", with_point), (",", with_comma))
    for dialect, expected in readings:
        found = read_price(cell, dialect=dialect, currency="EUR")
        if isinstance(found, Reason):
            assert (found.code, found.proves) == (expected, None)
        else:
            assert (found.amount, found.ambiguous, found.proves) == (Decimal(expected), True, None)


@pytest.mark.parametrize(
    ("cell", "code", "words"),
    [
        ("", "E_EMPTY", "empty"),
        (" \u00a0\u200b", "E_EMPTY", "empty"),
        ("0", "E_ZERO", "zero"),
        ("0.00", "E_ZERO", "zero"),
        ("0,000", "E_ZERO", "zero"),
        ("-5", "E_NEGATIVE", "negative"),
        ("-0", "E_NEGATIVE", "negative"),
        ("\u22125,00", "E_NEGATIVE", "negative"),
        ("5.00-", "E_NEGATIVE", "negative"),
        ("(5.00)", "E_NEGATIVE", "negative"),
        ("(5.00 EUR)", "E_NEGATIVE", "negative"),
        ("€-5", "E_NEGATIVE", "negative"),
        ("-€5", "E_NEGATIVE", "negative"),
        ("-.5", "E_NEGATIVE", "negative"),
        ("NaN", "E_SYNTAX", "not a number"),
        ("sNaN", "E_SYNTAX", "not a number"),
        ("-nan", "E_SYNTAX", "not a number"),
        ("Infinity", "E_SYNTAX", "infinity"),
        ("-inf", "E_SYNTAX", "infinity"),
        ("1e3", "E_SYNTAX", "scientific"),
        ("1e400", "E_SYNTAX", "scientific"),
        ("1,5E-3", "E_SYNTAX", "scientific"),
        ("5%", "E_SYNTAX", "percentage"),
        ("\uff15.\uff10\uff10", "E_SYNTAX", "digits other than 0-9"),
        ("\u0663.\u0665", "E_SYNTAX", "digits other than 0-9"),
        ("5²", "E_SYNTAX", "digits other than 0-9"),
        ("1_000", "E_SYNTAX", "underscore"),
        ("=1+2", "E_SYNTAX", "formula"),
        ('="12.50"', "E_SYNTAX", "formula"),
        ("+5", "E_SYNTAX", "plus sign"),
        (".5", "E_SYNTAX", "no digit on one side"),
        ("5.", "E_SYNTAX", "no digit on one side"),
        ("1.2.3", "E_SYNTAX", "grouped by threes"),
        ("1,29,900.00", "E_SYNTAX", "grouped by threes"),
        ("1.299 000,00", "E_SYNTAX", "grouped by threes"),
        ("0.012,50", "E_SYNTAX", "grouped by threes"),
        ("1234.567,00", "E_SYNTAX", "grouped by threes"),
        ("1,299,00", "E_SYNTAX", "grouped by threes"),
        ("1  299.00", "E_SYNTAX", "grouped by threes"),
        ("abc", "E_SYNTAX", "text"),
        ("n/a", "E_SYNTAX", "text"),
        ("-", "E_SYNTAX", "text"),
        ("0x10", "E_SYNTAX", "not a price"),
        ("5-10", "E_SYNTAX", "not a price"),
        ("12,-", "E_SYNTAX", "not a price"),
        ("12.5\n", "E_SYNTAX", "not a price"),
        ("€5 EUR", "E_SYNTAX", "not a price"),
        ("x" * 1000, "E_SYNTAX", "too long"),
        ("12.345678", "E_DECIMALS", "6 decimals; EUR has 2"),
        ("99999999999", "E_RANGE", "too large"),
        ("10.000.000.000,00", "E_RANGE", "too large"),
        ("1" + "0" * 400, "E_RANGE", "too large"),
        ("5 XQQ", "E_CURRENCY", "XQQ is no ISO 4217 currency"),
        ("$5", "E_CURRENCY", "EUR"),
        ("5 USD", "E_CURRENCY", "EUR"),
    ],
)
def test_I14_every_refusal_has_its_code_and_its_words(cell: str, code: str, words: str) -> None:
    found = reason(cell)
    assert found.code == code
    assert words in found.message


def test_I54_a_reason_quotes_no_control_character() -> None:
    for cell in ("\x1b[31m5", "5\x07", "NaN\x1b", "1\x1b" * 100, "=\x1b]0;x\x07", "5 \u202eUE"):
        assert reason(cell).message.isprintable()


@pytest.mark.parametrize(
    ("cell", "currency", "amount"),
    [
        ("1250", "JPY", "1250"),
        ("1250.00", "JPY", "1250"),
        ("1250.5", "JPY", None),
        ("12.50", "JPY", None),
        ("1.25", "KWD", "1.25"),
        ("12.345", "KWD", "12.345"),
        ("12.3450", "KWD", "12.345"),
        ("12.3456", "KWD", None),
        ("19.99", "EUR", "19.99"),
        ("19.9900", "EUR", "19.99"),
        ("19.9901", "EUR", None),
        ("19.9901", None, "19.9901"),
        ("19.99012", None, None),
        ("0.001", "EUR", None),
    ],
)
def test_I12_never_rounded(cell: str, currency: str | None, amount: str | None) -> None:
    found = read_price(cell, dialect=".", currency=currency)
    if amount is None:
        assert isinstance(found, Reason)
        assert found.code == "E_DECIMALS"
    else:
        assert isinstance(found, Price)
        assert found.amount == Decimal(amount)


def test_I12_the_column_of_the_database_limits_too() -> None:
    assert isinstance(read_price("1.5", dialect=".", currency="EUR", max_digits=6, places=0), Reason)
    found = read_price("1.234", dialect=".", currency="KWD", max_digits=6, places=2)
    assert isinstance(found, Reason)
    assert found.code == "E_DECIMALS"
    assert "the database keeps 2" in found.message
    assert isinstance(read_price("9999.99", dialect=".", currency="EUR", max_digits=6, places=2), Price)
    over = read_price("10000.00", dialect=".", currency="EUR", max_digits=6, places=2)
    assert isinstance(over, Reason)
    assert over.code == "E_RANGE"


def test_I12_decimals_are_checked_when_the_currency_is_known() -> None:
    assert refuse_decimals(Decimal("12.50"), "EUR") is None
    assert refuse_decimals(Decimal("1250.00"), "JPY") is None
    refused = refuse_decimals(Decimal("12.345"), "EUR")
    assert refused is not None
    assert refused.code == "E_DECIMALS"
    assert refuse_decimals(Decimal("1E+3"), "JPY") is None
    assert refuse_decimals(Decimal("1E-3"), "EUR") is not None


@pytest.mark.parametrize(
    ("cell", "currency", "sign"),
    [
        ("5 EUR", "EUR", None),
        ("eur5", "EUR", None),
        ("€5", "EUR", None),
        ("5,00\u00a0€", "EUR", None),
        ("£5", "GBP", None),
        ("5 zł", "PLN", None),
        ("CHF 5", "CHF", None),
        ("R$ 5,00", "BRL", None),
        ("US$5", "USD", None),
        ("$5", None, "$"),
        ("5 kr.", None, "kr."),
        ("¥500", None, "¥"),
    ],
)
def test_I10_a_currency_before_or_after(cell: str, currency: str | None, sign: str | None) -> None:
    found = price(cell, currency=None)
    assert (found.currency, found.sign, found.claim) == (currency, sign, currency or sign)


def test_I13_signs_of_several_currencies_only_confirm() -> None:
    for expected in ("USD", "CAD", "MXN"):
        assert price("$5", currency=expected).currency is None
    assert price("5 kr", currency="SEK").amount == 5
    assert price("¥500", currency="JPY").amount == 500
    assert reason("$5", currency="GBP").code == "E_CURRENCY"
    assert reason("5 kr", currency="JPY").code == "E_CURRENCY"


def test_the_cells_own_currency_gives_the_decimals() -> None:
    assert reason("JPY 12.50", currency=None).code == "E_DECIMALS"
    assert price("KWD 12,3450", currency=None).amount == Decimal("12.345")


def test_a_currency_that_iso_does_not_list_is_one_where_it_is_expected() -> None:
    assert price("5 XQQ", currency="XQQ").currency == "XQQ"
    assert agree("XQQ", None, None, "XQQ") == "XQQ"


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (("EUR", "EUR", "EUR", "EUR"), "EUR"),
        ((None, None, None, "EUR"), "EUR"),
        ((None, "", None, "EUR"), "EUR"),
        (("€", " eur ", None, None), "EUR"),
        ((None, None, "USD", None), "USD"),
        (("$", None, None, "CAD"), "CAD"),
        (("$", "USD", None, None), "USD"),
        ((None, "kr", None, "DKK"), "DKK"),
        (("¥", None, "CNY", None), "CNY"),
        (("EUR", None, None, "USD"), None),
        ((None, "EUR", None, "USD"), None),
        ((None, None, "EUR", "USD"), None),
        (("EUR", "USD", None, None), None),
        (("$", None, None, "EUR"), None),
        ((None, "kr", None, "EUR"), None),
        (("¥", None, None, "USD"), None),
        (("$", None, None, None), None),
        ((None, "euros", None, "EUR"), None),
        ((None, None, None, None), None),
    ],
)
def test_I13_all_that_name_a_currency_agree(named: tuple[str | None, ...], expected: str | None) -> None:
    cell, column, option, product = named
    found = agree(cell, column, option, product)
    if expected is None:
        assert isinstance(found, Reason)
        assert found.code == "E_CURRENCY"
    else:
        assert found == expected


def test_I13_the_refusal_says_who_contradicts_whom() -> None:
    found = agree(None, "USD", None, "EUR")
    assert isinstance(found, Reason)
    assert "the currency column says USD and the product says EUR" in found.message


def test_the_tables_of_currencies_fit_together() -> None:
    assert set(NAMING.values()) <= CODES
    assert all(codes <= CODES for codes in CONFIRMING.values())
    assert set(EXPONENTS) <= CODES
    assert not NAMING.keys() & CONFIRMING.keys()
    assert all(sign == sign.casefold() for sign in (*NAMING, *CONFIRMING))


# The dialect of a column -----------------------------------------------------------------------------------


def column(*cells: str, decimal: str = "auto") -> Dialect:
    dialect = Dialect(decimal)  # type: ignore[arg-type]
    for line, cell in enumerate(cells, 2):
        dialect.note(line, cell, read_price(cell, dialect=dialect.sign, currency="EUR"))
    return dialect


def test_I11_one_dialect_is_proved() -> None:
    assert column("1.50", "12", "1,299.00").settle() == "."
    assert column("1,50", "12").settle() == ","
    assert column("1", "12", "1 299").settle() is None
    assert column("1.50", "2", "2.50").counts == {".": 2, ",": 0, "ambiguous": 0}


def test_I11_both_dialects_refuse_the_file_with_two_lines() -> None:
    with pytest.raises(InputRefused) as caught:
        column("3", "19.99", "5", "1.299,00", "7.50").settle()
    assert caught.value.code == "F_DECIMAL"
    assert "line 3: 19.99" in str(caught.value)
    assert "line 5: 1.299,00" in str(caught.value)


def test_I11_a_refused_cell_is_evidence_too() -> None:
    with pytest.raises(InputRefused, match="contradict"):
        column("12.3456", "1,50").settle()
    with pytest.raises(InputRefused, match="contradict"):
        column("0.00", "1,50").settle()


def test_I11_an_ambiguous_cell_refuses_the_file_until_the_operator_speaks() -> None:
    with pytest.raises(InputRefused) as caught:
        column("1.50", "1.299", "1.300", "1.301", "1.302").settle()
    assert caught.value.code == "F_DECIMAL"
    assert "4 prices" in str(caught.value)
    assert "line 3: 1.299; line 4: 1.300; line 5: 1.301" in str(caught.value)
    assert "line 6" not in str(caught.value)
    assert "--decimal" in caught.value.hint
    assert column("1.299", "1.300", decimal=",").settle() == ","
    assert column("1.299", "1,50", decimal=",").counts == {".": 0, ",": 1, "ambiguous": 1}
