//! Text in columns.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Fills up with spaces to so many columns.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(text.width())))
}

/// The end of a text that fits into so many columns, after `…` if something was cut off.
pub(crate) fn keep_end(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let end: Vec<char> = fitting(text.chars().rev(), columns).collect();
    format!("…{}", end.into_iter().rev().collect::<String>())
}

/// The beginning of a text that fits into so many columns, before `…` if something was cut off.
pub(crate) fn keep_start(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    format!("{}…", fitting(text.chars(), columns).collect::<String>())
}

/// The first characters that leave room for `…`.
fn fitting(characters: impl Iterator<Item = char>, columns: usize) -> impl Iterator<Item = char> {
    let mut left = columns.saturating_sub(1);
    characters.map_while(move |character| {
        left = left.checked_sub(character.width().unwrap_or(0))?;
        Some(character)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(pad("日本", 6), "日本  ");
        assert_eq!(pad("abc", 2), "abc");
        assert_eq!(keep_start("日本語", 6), "日本語");
        assert_eq!(keep_start("日本語", 5), "日本…");
        assert_eq!(keep_start("日本語", 4), "日…");
        assert_eq!(keep_start("abcdef", 4), "abc…");
        assert_eq!(keep_end("_lk.archive.upload", 7), "…upload");
        assert_eq!(keep_end("abc", 3), "abc");
        assert_eq!(keep_start("abc", 0), "…");
    }
}
