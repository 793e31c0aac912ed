//! What expressions can speak of. Each is made when the first expression asks for it, and then
//! there for all of them: rules are many, and an event may be large.

use std::sync::OnceLock;

use cel::{
    Value,
    common::value::{CowVal, Val},
    context::VariableResolver,
};
use laniakea_event::Limits;

use crate::subject::Subject;

/// Their names.
pub(super) const NAMES: [&str; 7] = ["id", "data", "author", "origin", "time", "signers", "event"];

/// Those of an event that were asked for, in the order of [`NAMES`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Variables([OnceLock<Option<Box<dyn Val>>>; NAMES.len()]);

impl VariableResolver for Subject<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        let mut variables = NAMES.iter().zip(&self.variables.0);
        let (_, made) = variables.find(|(known, _)| **known == name)?;
        // One that cannot be made stays absent, and using it fails.
        let value = made.get_or_init(|| Box::<dyn Val>::try_from(value_of(name, self)?).ok());
        value.as_deref().map(CowVal::Borrowed)
    }
}

fn value_of(name: &str, subject: &Subject<'_>) -> Option<Value> {
    match name {
        "id" => Some(subject.id.into()),
        "data" => cel::to_value(subject.data()).ok(),
        "signers" => Some(subject.signers.clone().into()),
        "event" => {
            let event = laniakea_event::Value::parse(subject.frame, &Limits::FROM_RELAY);
            cel::to_value(event.ok()?).ok()
        }
        member => cel::to_value(subject.covered.get(member)?).ok(),
    }
}
