//! The configuration's own templates: what they can do, what they cannot, and what becomes of
//! events that they do not work on.

use serde_json::json;

use super::*;

const ID: &str = "_lk.archive.package-upload-accepted";
const UNKNOWN: &str = "org.example.builder.job-done";

fn templates(id: &str, source: &str) -> Result<Templates, String> {
    let templates = BTreeMap::from([(id.to_owned(), source.to_owned())]);
    Templates::new(&templates).map_err(|error| error.to_string())
}

/// The template on an event with this data. It belongs to a type that is not in the catalogue, so
/// that it may name anything.
fn body(source: &str, data: &Json) -> Option<Body> {
    let event = StreamEvent::example(UNKNOWN, data).unwrap();
    templates(UNKNOWN, source).unwrap().render(&event)
}

fn rendered(source: &str, data: &Json) -> (String, String) {
    let Body { text, html } = body(source, data).expect("the template works");
    (text, html)
}

fn pair(text: &str, html: &str) -> (String, String) {
    (text.to_owned(), html.to_owned())
}

fn refused(id: &str, source: &str) -> String {
    templates(id, source).map(drop).expect_err(source)
}

#[test]
fn a_template_makes_text_and_html_of_the_data() {
    assert_eq!(
        rendered(
            "<b>{{ name }}</b> {{ version }} in <em>{{ suite }}</em>\
             {% if changes %}<br><blockquote>{{ changes | lines }}</blockquote>{% endif %}",
            &json!({"name": "hello", "version": "2.10-5", "suite": "sid", "changes": "* a\n* b"}),
        ),
        pair(
            "hello 2.10-5 in sid\n\n* a\n* b",
            "<b>hello</b> 2.10-5 in <em>sid</em><br><blockquote>* a<br>* b</blockquote>",
        )
    );
}

#[test]
fn a_template_of_a_known_type_names_the_fields_that_the_catalogue_has() {
    let good = "{{ source_name or upload_name }} {{ suite }} {{ id }} {{ time }} {{ origin }} \
                {{ author }} {{ digest }} {{ seq }} {{ signers }} {{ data.source_name }}";
    assert_eq!(templates(ID, good).map(drop), Ok(()));
    let problem = refused(ID, "{{ sorce_name }}");
    assert!(problem.starts_with(&format!("messages.templates.{ID:?}: there is no sorce_name: ")));
    assert!(problem.contains("source_name") && problem.contains("signers"), "{problem}");
}

#[test]
fn variables_of_the_template_itself_are_no_fields() {
    let source = "{% set x = source_name %}{% for it in range(2) %}{{ it }}{{ x }}{% endfor %}";
    assert_eq!(templates(ID, source).map(drop), Ok(()));
}

#[test]
fn a_template_of_an_unknown_type_may_name_anything() {
    assert_eq!(rendered("{{ moon }} {{ phase.of.it }}", &json!({})), pair("? ?", "? ?"));
}

#[test]
fn what_is_no_template_is_refused_with_the_line() {
    for (source, part) in [
        ("{{ name", "there is no }}"),
        ("a\n{% if x %}", "line "),
        ("a\n{{ suite | unheard_of }}", "line 2: "),
        ("{{ name + }}", "line 1"),
        ("{% endif %}", "line 1"),
        ("{{ }}", "line 1"),
    ] {
        let problem = refused(ID, source);
        assert!(problem.starts_with(&format!("messages.templates.{ID:?}: ")), "{problem}");
        assert!(problem.contains(part), "{source}: {problem}");
    }
}

#[test]
fn markup_that_messages_do_not_have_is_refused() {
    for source in [
        "<img src=\"https://x.org/\">",
        "<script>x</script>",
        "<B>x</B>",
        "<{{ name }}>x",
        "a & b",
        "a &lt; b",
        "<b",
        "a < b",
        "<!-- x -->",
        "<b {{ name }}>x</b>",
        "<br {{ name }}>",
        "<li {{ name }}>x",
        "<blockquote {{ name }}>x</blockquote>",
        "<p>x</p {{ name }}>",
        "<b {% if name %}x{% endif %}>x</b>",
        "<a title=\"{{ name }}\" href=\"https://x.org/\">x</a>",
        "<a href=\"https://x.org/\" title=\"{{ name }}\">x</a>",
        "<a href=\"https://x.org/{{ name if name else name | urlencode }}\">x</a>",
        "<a href=\"https://x.org/{% if name %}{{ name }}{% endif %}\">x</a>",
        "<a href=\"https://x.org/{% raw %}{{{% endraw %}\">x</a>",
    ] {
        refused(UNKNOWN, source);
    }
}

#[test]
fn data_is_never_markup_whatever_the_template_does_to_it() {
    let data = json!({"name": "<script>&\"'", "list": ["<b>", {"<i>": 1}], "n": "<br>\n<hr>"});
    for source in [
        "{{ name }}",
        "{{ name | e }}",
        "{{ name | upper }}",
        "{{ name | lines }}",
        "{{ name | tojson }}",
        "{{ list }}",
        "{{ list | join('<') }}",
        "{{ list | first }}",
        "{{ data }}",
        "{{ n | lines }}",
        "{{ n | lines | upper }}",
        "{{ [n] | map('lines') | list }}",
        "{{ name ~ n }}",
        "{{ name | replace('&', '<') }}",
        "{{ '<hr>' }}",
        "{% set x %}{{ name }}{% endset %}{{ x }}",
        "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(name) }}",
        "{% filter upper %}{{ name }}{% endfilter %}",
    ] {
        let Some(Body { html, .. }) = body(source, &data) else { continue };
        let rest = html.replace("<br>", "").replace("<BR>", "");
        assert!(!rest.contains('<') && !rest.contains('>'), "{source}: {html}");
    }
}

#[test]
fn escaping_cannot_be_switched_off() {
    for source in [
        "{{ name | safe }}",
        "{% autoescape false %}{{ name }}{% endautoescape %}",
        "{%- autoescape 'none' %}{{ name }}{% endautoescape %}",
        "{%autoescape false%}{{ name }}{%endautoescape%}",
    ] {
        let Ok(templates) = templates(UNKNOWN, source) else { continue };
        let event = StreamEvent::example(UNKNOWN, &json!({"name": "<script>"})).unwrap();
        let shown = templates.render(&event).map(|body| body.html).unwrap_or_default();
        assert!(!shown.contains("<script>"), "{source}: {shown}");
    }
}

#[test]
fn a_value_keeps_its_line_breaks_only_where_the_template_says_so() {
    let data = json!({"text": " a\r\n\tb\u{2028}c ", "list": ["x\ny", "z"]});
    assert_eq!(rendered("[{{ text }}]", &data), pair("[a b c]", "[a b c]"));
    assert_eq!(rendered("[{{ list }}]", &data), pair("[x y, z]", "[x y, z]"));
    let (text, html) = rendered("[{{ text | lines }}]", &data);
    assert!(text.contains('\n') && html.contains("<br>"), "{text:?} {html:?}");
}

#[test]
fn values_are_shown_as_people_write_them() {
    let data = json!({
        "int": 3, "big": 18_446_744_073_709_551_615_u64, "float": 1.5, "yes": true, "no": false,
        "null": null, "empty": "", "list": ["a", 1, true], "bare": [],
    });
    for (source, shown) in [
        ("{{ int }}", "3"),
        ("{{ big }}", "18446744073709551615"),
        ("{{ float }}", "1.5"),
        ("{{ yes }} {{ no }}", "true false"),
        ("{{ null }} {{ absent }} {{ absent.deep }}", "? ? ?"),
        ("[{{ empty }}]", "[]"),
        ("{{ list }}", "a, 1, true"),
        ("[{{ bare }}]", "[]"),
        ("{{ int + 1 }}", "4"),
        ("{{ list | length }}", "3"),
    ] {
        assert_eq!(rendered(source, &data), pair(shown, shown), "{source}");
    }
}

#[test]
fn what_cannot_be_seen_is_written_out() {
    let data = json!({"x": "a\u{202e}b\u{200b}\u{1b}[2J\0", "list": ["\u{2066}"], "k\u{202e}": 1});
    for source in ["{{ x }}", "{{ list }}", "{{ data }}", "{{ x | lines }}", "{{ x | upper }}"] {
        let (text, html) = rendered(source, &data);
        for shown in [&text, &html] {
            assert!(!shown.chars().any(|c| is_hidden(c) && c != '\n'), "{source}: {shown:?}");
        }
    }
}

#[test]
fn template_syntax_in_data_is_text() {
    let data = json!({"x": "{{ 7 * 7 }}{% for a in b %}{# c #}{0} %s ${y}"});
    let (text, html) = rendered("{{ x }}", &data);
    assert_eq!(text, "{{ 7 * 7 }}{% for a in b %}{# c #}{0} %s ${y}");
    assert_eq!(html, text);
}

#[test]
fn a_link_is_filled_with_encoded_values() {
    let source = "<a href=\"https://x.org/p/{{ name | urlencode }}\">page</a>";
    let data = json!({"name": "../\"><b>?a=b&c#d ä"});
    let encoded = "https://x.org/p/..%2F%22%3E%3Cb%3E%3Fa%3Db%26c%23d%20%C3%A4";
    assert_eq!(
        rendered(source, &data),
        pair(&format!("page ({encoded})"), &format!("<a href=\"{encoded}\">page</a>"))
    );
    assert_eq!(rendered("{{ n | urlencode }}", &json!({"n": 7})).0, "7");
}

#[test]
fn a_template_that_never_ends_is_refused() {
    let endless = "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}";
    assert!(refused(ID, endless).contains("fuel"), "{}", refused(ID, endless));
    let event = StreamEvent::example(UNKNOWN, &json!({})).unwrap();
    assert_eq!(templates(UNKNOWN, endless).unwrap().render(&event), None);
}

#[test]
fn a_template_that_calls_itself_is_refused() {
    let source = "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}";
    let problem = refused(ID, source);
    assert!(problem.contains("messages.templates"), "{problem}");
}

#[test]
fn a_template_whose_message_is_too_long_is_refused() {
    for source in ["x".repeat(MAX_BODY_BYTES + 1), "{{ '<' * 2000 }}".to_owned()] {
        let problem = refused(ID, &source);
        assert!(problem.contains("4096 bytes") || problem.contains("line 1"), "{problem}");
    }
    assert_eq!(templates(ID, &"x".repeat(MAX_BODY_BYTES)).map(drop), Ok(()));
}

#[test]
fn an_event_that_a_template_does_not_work_on_is_left_to_the_catalogue() {
    let works = json!({"count": 3});
    let source = "{{ count + 1 }}";
    assert_eq!(rendered(source, &works).0, "4");
    for odd in [json!({}), json!({"count": "x"}), json!({"count": []}), json!({"count": null})] {
        assert_eq!(body(source, &odd), None, "{odd}");
    }
}

#[test]
fn members_of_the_data_do_not_replace_what_is_known_of_the_event() {
    let data = json!({"id": "forged", "signers": "archive-01", "digest": "0", "data": "x"});
    let (text, _) = rendered("{{ id }} [{{ signers }}] {{ data.id }}", &data);
    assert_eq!(text, format!("{UNKNOWN} [] forged"));
}

#[test]
fn an_event_without_a_template_has_none() {
    let templates = templates(ID, "{{ suite }}").unwrap();
    let event = StreamEvent::example(UNKNOWN, &json!({})).unwrap();
    assert_eq!(templates.render(&event), None);
}

#[test]
fn a_template_reads_no_files_and_knows_no_other_programs() {
    for source in ["{% include '/etc/passwd' %}", "{% import 'x' as y %}", "{% extends 'x' %}"] {
        refused(ID, source);
    }
}
