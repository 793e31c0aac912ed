//! The JSON Schema of an event type's `data`.

use serde_json::{Map, Value as Json, json};

use crate::entry::Entry;
use crate::field::{Field, Kind};

impl Entry {
    /// The JSON Schema (draft 2020-12) of the whole `data` of this type.
    ///
    /// Members that are not declared are allowed: a source may say more tomorrow.
    pub fn schema(&self) -> Json {
        let mut schema = object_schema(&self.fields);
        schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        schema.insert("title".to_owned(), json!(self.id));
        schema.insert("description".to_owned(), json!(self.doc));
        schema.insert("examples".to_owned(), json!([self.example]));
        Json::Object(schema)
    }
}

fn object_schema(fields: &[Field]) -> Map<String, Json> {
    let properties: Map<String, Json> =
        fields.iter().map(|field| (field.name.clone(), field_schema(field))).collect();
    let required: Vec<&str> =
        fields.iter().filter(|field| !field.optional).map(Field::name).collect();
    Map::from_iter([
        ("type".to_owned(), json!("object")),
        ("properties".to_owned(), Json::Object(properties)),
        ("required".to_owned(), json!(required)),
    ])
}

fn field_schema(field: &Field) -> Json {
    let mut schema = match &field.kind {
        Kind::String | Kind::Text | Kind::Choice(_) => typed("string"),
        Kind::Bool => typed("boolean"),
        Kind::Int => typed("integer"),
        Kind::List => {
            let mut list = typed("array");
            list.insert("items".to_owned(), json!({"type": "string"}));
            list
        }
        Kind::Object(members) => object_schema(members),
    };
    if let Kind::Choice(values) = &field.kind {
        let mut values: Vec<Json> = values.iter().map(|value| json!(value)).collect();
        values.extend(field.nullable.then_some(Json::Null));
        schema.insert("enum".to_owned(), Json::Array(values));
    }
    if field.nullable {
        let kind = schema.remove("type");
        schema.insert("type".to_owned(), json!([kind, "null"]));
    }
    schema.insert("description".to_owned(), json!(field.doc));
    Json::Object(schema)
}

fn typed(kind: &str) -> Map<String, Json> {
    Map::from_iter([("type".to_owned(), json!(kind))])
}
