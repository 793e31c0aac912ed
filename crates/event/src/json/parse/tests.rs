use super::*;

fn parse(text: &str) -> Result<Value, Reason> {
    parse_bytes(text.as_bytes())
}

fn parse_bytes(bytes: &[u8]) -> Result<Value, Reason> {
    Value::parse(bytes, &Limits::SUBMISSION).map_err(|rejection| rejection.reason())
}

fn canonical(text: &str) -> String {
    parse(text).unwrap().to_canonical()
}

#[test]
fn white_space_and_escapes_vanish_in_canonical_form() {
    assert_eq!(
        canonical(
            " { \"b\" : [ 1 , 2.50 ] , \"a\" : \"\\u00e9\\/\\ud83e\\udd80\\u0000\\u007f\" } "
        ),
        "{\"a\":\"é/🦀\\u0000\u{7f}\",\"b\":[1,2.5]}"
    );
}

#[test]
fn members_are_sorted_by_code_point_and_not_by_utf16() {
    assert_eq!(canonical("{\"\u{1f980}\":1,\"\u{ff5e}\":2}"), "{\"\u{ff5e}\":2,\"\u{1f980}\":1}");
}

#[test]
fn integers_keep_every_digit() {
    let digits = "9".repeat(1_000);
    assert_eq!(canonical(&digits), digits);
    assert_eq!(canonical(&format!("-{digits}")), format!("-{digits}"));
    assert_eq!(canonical("-0"), "0");
}

#[test]
fn out_of_range_numbers_are_refused() {
    assert_eq!(parse(&"9".repeat(1_001)), Err(Reason::NumberOutOfRange));
    assert_eq!(parse("1e400"), Err(Reason::NumberOutOfRange));
    assert_eq!(parse("-1e309"), Err(Reason::NumberOutOfRange));
    assert_eq!(canonical("1e-400"), "0.0");
}

#[test]
fn what_is_not_json_is_refused() {
    for text in [
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\"}",
        "{a:1}",
        "'a'",
        "01",
        "-01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "+1",
        "-",
        "NaN",
        "Infinity",
        "-Infinity",
        "tru",
        "nulll",
        "\"\\x\"",
        "\"\\u12\"",
        "\"a\nb\"",
        "\"",
        "1 2",
        "[1 2]",
        "\u{feff}{}",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud800x\"",
        "\"\\u+123\"",
        "/**/1",
    ] {
        assert_eq!(parse(text), Err(Reason::BadJson), "{text:?}");
    }
}

#[test]
fn invalid_utf8_is_refused() {
    for bytes in [&b"\"\xff\""[..], b"\"\xed\xa0\x80\"", b"\"\xc0\xaf\"", b"{}\x80"] {
        assert_eq!(parse_bytes(bytes), Err(Reason::BadUtf8));
    }
}

#[test]
fn duplicate_names_are_found_after_unescaping() {
    assert_eq!(parse("{\"a\":1,\"\\u0061\":1}"), Err(Reason::DuplicateKey));
    assert_eq!(parse("[{\"a\":{\"b\":1,\"b\":2}}]"), Err(Reason::DuplicateKey));
}

#[test]
fn nesting_is_counted_from_the_outermost_object() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&nested(100)).is_ok());
    assert_eq!(parse(&nested(101)), Err(Reason::TooDeep));
    assert_eq!(parse(&"[".repeat(1_000_000)), Err(Reason::TooDeep));
}

#[test]
fn members_and_items_are_counted_over_all_levels() {
    let items = |count: usize| format!("[[{}]]", vec!["0"; count].join(","));
    assert!(parse(&items(9_999)).is_ok());
    assert_eq!(parse(&items(10_000)), Err(Reason::TooLarge));
}

#[test]
fn a_text_over_the_limit_is_too_large() {
    let text = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    assert!(parse(&text(1 << 20)).is_ok());
    assert_eq!(parse(&text((1 << 20) + 1)), Err(Reason::TooLarge));
}
