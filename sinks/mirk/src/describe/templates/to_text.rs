//! From a template of HTML to one of plain text.

/// The tags that a template may have: those of Matrix's HTML that say something in a line or two.
const TAGS: [&str; 20] = [
    "a",
    "b",
    "blockquote",
    "br",
    "code",
    "del",
    "em",
    "font",
    "i",
    "li",
    "ol",
    "p",
    "pre",
    "s",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "ul",
];

/// The same template without markup.
///
/// # Errors
///
/// A tag that Matrix does not have, one that never ends, a character reference, or a link whose
/// address may be anything.
pub(super) fn to_text(source: &str) -> Result<String, String> {
    let mut out = String::with_capacity(source.len());
    let mut addresses: Vec<String> = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = piece_length(rest)?;
        let (piece, after) = rest.split_at(length);
        rest = after;
        match first {
            '<' => push_tag(&mut out, piece, &mut addresses)?,
            '&' => return Err(REFERENCE.to_owned()),
            _ => out.push_str(piece),
        }
    }
    Ok(out)
}

const REFERENCE: &str = "write characters as they are instead of references such as &amp;";

/// How long the next piece is: a block of the template language, a tag, or text.
fn piece_length(rest: &str) -> Result<usize, String> {
    if let Some(end) = block_end(rest)? {
        return Ok(end);
    }
    if rest.starts_with('<') {
        return tag_end(rest);
    }
    let special = rest.char_indices().skip(1).find(|(_, character)| "<{&".contains(*character));
    Ok(special.map_or(rest.len(), |(at, _)| at))
}

/// The end of a `{{ … }}`, `{% … %}` or `{# … #}` that begins here.
fn block_end(rest: &str) -> Result<Option<usize>, String> {
    let Some((begin, end)) = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")]
        .into_iter()
        .find(|(begin, _)| rest.starts_with(begin))
    else {
        return Ok(None);
    };
    let at = rest.find(end).ok_or_else(|| format!("there is no {end}"))?;
    let inside = rest.get(begin.len()..at).unwrap_or_default();
    let word = inside.trim_start_matches(['-', '+']).trim_start();
    if begin == "{%" && word.starts_with("autoescape") {
        return Err("there is no autoescape: what the event says is never markup".to_owned());
    }
    Ok(Some(at + end.len()))
}

fn tag_end(rest: &str) -> Result<usize, String> {
    let mut at = 1;
    while at < rest.len() {
        let here = rest.get(at..).unwrap_or_default();
        if let Some(length) = block_end(here)? {
            at += length;
        } else if here.starts_with('>') {
            return Ok(at + 1);
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    let start: String = rest.chars().take(20).collect();
    Err(format!("the tag {start:?} does not end"))
}

fn push_tag(out: &mut String, tag: &str, addresses: &mut Vec<String>) -> Result<(), String> {
    let inside = tag.trim_start_matches('<').trim_end_matches('>').trim_end_matches('/').trim();
    let is_end = inside.starts_with('/');
    let name = inside.trim_start_matches('/').split_whitespace().next().unwrap_or_default();
    if !TAGS.contains(&name) {
        return Err(format!("there is no <{name}> in messages; there are {}", TAGS.join(", ")));
    }
    if (name != "a" || is_end) && has_block(inside) {
        return Err(format!("<{name}> takes no values from the event"));
    }
    match (name, is_end) {
        ("a", false) => addresses.push(address(inside)?),
        ("a", true) => {
            if let Some(address) = addresses.pop() {
                out.extend([" (", &address, ")"]);
            }
        }
        ("br" | "blockquote", _) | ("p" | "ul" | "ol" | "pre", true) => out.push('\n'),
        ("li", false) => out.push_str("\n- "),
        _ => {}
    }
    Ok(())
}

fn has_block(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// Where a link leads: to a place that the template names, with values that cannot leave it.
fn address(inside: &str) -> Result<String, String> {
    let (before, address) = inside
        .split_once("href=\"")
        .and_then(|(before, rest)| Some((before, rest.rsplit_once('"')?.0)))
        .ok_or("write a link as <a href=\"https://…\">")?;
    let host = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
    let (host, _) = host.and_then(|rest| rest.split_once('/')).ok_or(
        "a link begins with https:// or http://, a host and a slash, and takes none of them from \
         the event",
    )?;
    if has_block(before) || has_block(host) {
        return Err("a link takes its host from the template, never from the event".to_owned());
    }
    let is_encoded = |block: &str| block.split_once("}}").is_some_and(|it| is_encoded(it.0));
    if address.contains("{%") || !address.split("{{").skip(1).all(is_encoded) {
        let problem = "in a link write values as {{ name | urlencode }} or {{ (name or other) | \
                       urlencode }}";
        return Err(problem.to_owned());
    }
    Ok(address.to_owned())
}

/// Whether all of a value is encoded: filters bind closer than `or` and `if`.
fn is_encoded(value: &str) -> bool {
    let Some(value) = value.trim().strip_suffix("urlencode") else { return false };
    let Some(value) = value.trim_end().strip_suffix('|') else { return false };
    let value = value.trim();
    let in_parentheses = value.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    match in_parentheses {
        Some(inside) => !inside.contains(['(', ')']),
        None => value.split('|').all(|part| !part.trim().contains(char::is_whitespace)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_text() {
        for (source, wanted) in [
            ("<b>{{ name }}</b> x", "{{ name }} x"),
            ("a<br>b<br/>c", "a\nb\nc"),
            ("{% if a < b %}<em>x</em>{% endif %}", "{% if a < b %}x{% endif %}"),
            (
                "<a href=\"https://x.org/{{ (a or b) | urlencode }}/{{ c | lower|urlencode }}\">p</a>",
                "p (https://x.org/{{ (a or b) | urlencode }}/{{ c | lower|urlencode }})",
            ),
            (
                "<a href=\"https://x.org/p/{{ name | urlencode }}\">page</a>",
                "page (https://x.org/p/{{ name | urlencode }})",
            ),
            ("<blockquote>{{ a | lines }}</blockquote>", "\n{{ a | lines }}\n"),
            ("<font data-mx-color=\"#ff0000\">x</font>", "x"),
        ] {
            assert_eq!(to_text(source).as_deref(), Ok(wanted));
        }
    }

    #[test]
    fn what_a_message_cannot_have_is_refused() {
        for source in [
            "<img src=\"x\">",
            "<script>",
            "<b",
            "<",
            "{{ name",
            "{% if x",
            "a &amp; b",
            "<a href=\"{{ url }}\">x</a>",
            "<a href=\"https://{{ host | urlencode }}/\">x</a>",
            "<a href=\"https://x.org\">x</a>",
            "<a href=\"https://x.org/{{ name }}\">x</a>",
            "<a href=\"https://x.org/{{ a or b | urlencode }}\">x</a>",
            "<a href=\"https://x.org/{{ (a) or (b) | urlencode }}\">x</a>",
            "<a href=\"javascript:x/\">x</a>",
            "<a href='https://x.org/'>x</a>",
            "<span title=\"{{ name }}\">x</span>",
        ] {
            assert!(to_text(source).is_err(), "{source}");
        }
    }
}
