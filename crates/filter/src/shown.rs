//! Foreign text on its way into a sentence.

use laniakea_catalog::is_hidden;

/// At most so many characters, with those written out that do not show or break the line.
pub(crate) fn bounded(text: &str, max: usize) -> String {
    let mut shown = String::new();
    for (number, character) in text.chars().enumerate() {
        if number == max {
            shown.push('…');
            break;
        }
        if is_hidden(character) || (character.is_whitespace() && character != ' ') {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}
