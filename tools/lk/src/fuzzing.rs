//! What shows and reads foreign text, within reach of `tests/fuzz`.

use laniakea_catalog::{visible, visible_lines};
use laniakea_event::{Object, Value};
use laniakea_wire::subscription::Delivery;

use crate::{
    commands::emit::data::{Member, collect},
    output::{
        Zone,
        event_line::{EventLines, Room},
    },
};

/// The lines of some events, one after the other, on a terminal of so many columns or in a file.
pub fn event_lines(deliveries: &[Delivery], columns: Option<usize>) -> Vec<String> {
    let mut lines = EventLines::new(Zone::utc());
    let room = columns.map_or(Room::Unlimited, Room::Terminal);
    deliveries.iter().map(|delivery| lines.show(delivery, room)).collect()
}

/// The data that some `KEY=VALUE` make.
///
/// # Errors
///
/// One of them is no member, or two have the same name.
pub fn read_members(texts: &[&str]) -> anyhow::Result<Object> {
    let members = texts.iter().map(|text| text.parse::<Member>());
    collect(members.collect::<Result<_, _>>()?)
}

/// How a member of this name and value is written.
pub fn write_member(name: &str, value: &Value) -> String {
    format!("{name}:={}", value.to_canonical())
}

/// Foreign text of one line, and the same text if it may have several.
pub fn show(text: &str) -> (String, String) {
    (visible(text), visible_lines(text, 2))
}
