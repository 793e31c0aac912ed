//! The name under which the relay lists a consumer.

pub(crate) const SINK_NAME_HELP: &str =
    "Tell the relay this name and how far the cursor is, so that `lk status` shows it";

const MAX_BYTES: usize = 64;

/// # Errors
///
/// The relay would not take the name.
pub(crate) fn parse_sink_name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > MAX_BYTES || text.chars().any(char::is_control) {
        return Err(format!("a name is 1 to {MAX_BYTES} bytes of plain text"));
    }
    Ok(text.to_owned())
}
