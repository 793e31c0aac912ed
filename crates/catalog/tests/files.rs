//! What is wrong with a catalogue file is found when it is loaded.

use laniakea_catalog::{Catalog, CatalogError, Kind};
use serde_json::json;

const GOOD: &str = r#"
module = "brew"
doc = "Makes beer."

[facets]
package = ["beer"]

[field]
beer = { type = "string", doc = "What is brewed." }
litres = { type = "int", doc = "How much of it." }
done = { type = "bool", doc = "Whether it is ready." }

[[event]]
id = "org.example.brew.brewed"
doc = "A beer was brewed."
severity = "success"
severity_when = [{ field = "done", equals = "false", severity = "info" }]
summary = "<b>{{ beer }}</b>{% if litres %}, {{ litres }} l{% endif %}"
plural = "brews{% if not done %} begun{% endif %}"
lifecycle = { name = "brew", key = ["beer"], last = true }
fields = ["beer", "done"]
optional = ["litres"]
links = [{ label = "beer", base = "pub", path = "beers/{beer}" }]

[event.example]
beer = "stout"
done = true
litres = 40
"#;

/// Loads the good file with one piece of it replaced, and returns what is said about it.
fn problem(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    let error = load(&GOOD.replacen(from, to, 1)).expect_err("a bad file");
    match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn load(text: &str) -> Result<Catalog, CatalogError> {
    Catalog::from_toml([("brew.toml", text)])
}

#[test]
fn a_good_file_is_loaded() {
    let catalog = load(GOOD).unwrap();
    let entry = catalog.entry("org.example.brew.brewed").unwrap();
    let fields: Vec<_> = entry.fields().iter().map(|field| (field.name(), field.kind())).collect();
    assert_eq!(fields, [("beer", &Kind::String), ("done", &Kind::Bool), ("litres", &Kind::Int)]);
    assert_eq!(entry.bare_example(), json!({"beer": "stout", "done": true}));
    let summary = catalog.summary(entry.id(), &entry.example());
    assert_eq!(summary.html, "<b>stout</b>, 40 l");
    assert_eq!(catalog.plural(entry.id(), &entry.example()).text, "brews");
    let stage = catalog.lifecycle(entry.id(), &entry.example()).unwrap();
    assert_eq!(
        (stage.name.as_str(), stage.key.as_str(), stage.is_last),
        ("brew", r#"["stout"]"#, true)
    );
}

#[test]
fn a_file_that_is_no_toml_is_refused_with_its_name_and_place() {
    let problem = problem("[facets]", "[facets");
    assert!(
        problem.starts_with("could not parse catalogue file brew.toml: TOML parse error at line 5"),
        "{problem}"
    );
}

#[test]
fn a_key_that_does_not_exist_is_refused() {
    assert!(problem("severity = ", "sevrity = ").contains("sevrity"));
    assert!(problem("label = ", "lable = ").contains("lable"));
    assert!(problem("doc = \"How much", "dox = \"How much").contains("dox"));
}

#[test]
fn a_type_or_severity_or_facet_that_does_not_exist_is_refused() {
    assert!(problem("\"int\"", "\"float\"").contains("float"));
    assert!(problem("\"success\"", "\"great\"").contains("great"));
    assert!(problem("package =", "packages =").contains("packages"));
}

#[test]
fn a_field_that_does_not_exist_is_refused_wherever_it_is_named() {
    assert!(
        problem("fields = [\"beer\"", "fields = [\"bier\", \"beer\"")
            .contains("its list of fields names bier, which is no field of it")
    );
    assert!(problem("{{ beer }}", "{{ bier }}").contains("its summary names bier"));
    assert!(problem("{{ beer }}", "{{ beer.colour }}").contains("its summary names beer.colour"));
    assert!(problem("{{ beer }}", "{{ beer.upper() }}").contains("its summary names beer.upper"));
    assert!(
        problem("field = \"done\"", "field = \"ready\"").contains("a severity rule names ready")
    );
    assert!(problem("\"brews", "\"{{ bier }} brews").contains("its plural names bier"));
    assert!(problem("key = [\"beer\"]", "key = [\"bier\"]").contains("its lifecycle names bier"));
    assert!(problem("beers/{beer}", "beers/{bier}").contains("a link names bier"));
    assert_eq!(
        problem("package = [\"beer\"]", "package = [\"bier\"]"),
        "catalogue file brew.toml: no event type has the field bier"
    );
}

#[test]
fn a_field_that_no_event_type_has_is_refused() {
    let problem = problem("[field]", "[field]\nfoam = { type = \"bool\", doc = \"x\" }");
    assert_eq!(problem, "catalogue file brew.toml: no event type has the field foam");
}

#[test]
fn a_template_that_cannot_work_is_refused() {
    let refused = "event type org.example.brew.brewed: the template of its summary does not work: ";
    for template in [
        "{{ beer",
        "{{ beer|safe }}",
        "{{ beer - 1 }}",
        "<a href=\\\"{{ beer }}\\\">x</a>",
        "<b class=x>{{ beer }}</b>",
        "&lt;{{ beer }}",
    ] {
        let problem = problem("<b>{{ beer }}</b>", template);
        assert!(problem.starts_with(refused), "{template}: {problem}");
    }
}

#[test]
fn a_plural_that_cannot_work_is_refused() {
    let refused = "event type org.example.brew.brewed: the template of its plural does not work: ";
    for template in
        ["", "{% if not done %}brews{% endif %}", "{{ beer - 1 }}", "<i>brews</i>", "{{"]
    {
        let problem = problem("brews{% if not done %} begun{% endif %}", template);
        assert!(problem.starts_with(refused), "{template}: {problem}");
    }
    assert!(problem("plural = ", "plurals = ").contains("plurals"));
    let none = GOOD.lines().filter(|line| !line.starts_with("plural")).collect::<Vec<_>>();
    assert!(load(&none.join("\n")).is_err());
}

#[test]
fn a_lifecycle_that_cannot_work_is_refused() {
    let start = "event type org.example.brew.brewed: in its lifecycle, ";
    for (from, to, end) in [
        ("\"brew\", key", "\"\", key", "its name \"\" is not made of a-z and -"),
        ("\"brew\", key", "\"A b\", key", "its name \"A b\" is not made of a-z and -"),
        ("key = [\"beer\"]", "key = []", "its key names no field"),
        ("key = [\"beer\"]", "key = [\"beer\", \"done\"]", "done in its key is no plain string"),
    ] {
        assert_eq!(problem(from, to), format!("{start}{end}"));
    }
    assert!(problem("last = true", "final = true").contains("final"));
    assert!(problem("key = [\"beer\"], last", "last").contains("key"));
}

#[test]
fn a_link_path_that_is_none_is_refused() {
    assert_eq!(
        problem("beers/{beer}", "/beers/x-{beer}"),
        "event type org.example.brew.brewed: /beers/x-{beer} is no path for a link"
    );
}

#[test]
fn an_example_that_is_not_full_and_right_is_refused() {
    let start = "event type org.example.brew.brewed: in its example, ";
    for (from, to, end) in [
        ("litres = 40", "", "litres is missing"),
        ("litres = 40", "litres = \"40\"", "litres has the wrong type"),
        ("litres = 40", "litres = 40\nfoam = 1", "foam is not declared"),
    ] {
        assert_eq!(problem(from, to), format!("{start}{end}"));
    }
}

#[test]
fn an_event_type_that_is_described_twice_is_refused() {
    let error = Catalog::from_toml([("a.toml", GOOD), ("b.toml", GOOD)]).unwrap_err();
    assert_eq!(error.to_string(), "event type org.example.brew.brewed is described twice");
}
