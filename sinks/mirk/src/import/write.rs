//! The new file. Whatever comes from the old one is written by the TOML library, as a value, and
//! never into a comment: so nothing in it can become a line of its own.

use std::fmt::Display;

use toml::{Table, Value};

use super::{account::Account, room::NewRoom};

/// What is in the new file.
pub(super) struct New {
    pub(super) account: Account,
    pub(super) links: Vec<(&'static str, String)>,
    pub(super) prefix: String,
    pub(super) shows_unsigned: bool,
    pub(super) rooms: Vec<NewRoom>,
}

const HEAD: &str = r#"# The configuration of Mirk, the Matrix bot, made by `mirk import` of that of Laniakea's Mirk.
# docs/mirk.md explains every key; what is not here has its default. `mirk check` says what is wrong
# with the file, `mirk render` shows what rooms would get.

# Where the bot keeps its session, its encryption store and its database. Never restore this
# directory from a backup: `mirk login` makes a new device instead.
data_dir = "/var/lib/mirk"
"#;

/// Nothing of this is in the old file. Nobody is believed before somebody fills it in.
const TRUST_AND_STREAM: &str = r#"
[trust]
# Whose events are shown: the public keys, the relays among them, and what each signer may emit.
# Laniakea's keys are in keys/curve/trusted in its workspace, or in trusted in its CurveKeysDir.
keys_dir = "/etc/laniakea/keys/trusted"
relays = []
[trust.emit]
# "archive-01" = ["_lk.archive.", "_lk.rubicon."]

[stream]
# The relay's publish and replay endpoints.
publish = "tcp://127.0.0.1:5572"
replay = "tcp://127.0.0.1:5573"
# Where to begin when there is no position yet: "now", "beginning", or a time (RFC 3339).
start = "now"
"#;

impl New {
    pub(super) fn to_toml(&self) -> String {
        let mut toml = String::from(HEAD);
        toml.push_str(&self.matrix());
        toml.push_str(TRUST_AND_STREAM);
        toml.push_str(&self.messages());
        toml.push_str(ABOUT_ROOMS);
        for room in &self.rooms {
            toml.push_str(&self.room(room));
        }
        toml
    }

    fn matrix(&self) -> String {
        let Account { homeserver, user } = &self.account;
        format!(
            "
[matrix]
# The homeserver of the account, as its clients reach it.
homeserver = {}
# The account. `mirk login` logs it in, once.
user = {}
# Who may invite the bot and give it commands: MXIDs with * and ?.
allowed_users = []
",
            text(homeserver),
            text(user)
        )
    }

    fn messages(&self) -> String {
        let links = self.links.iter().map(|(name, url)| ((*name).to_owned(), Value::from(&**url)));
        format!(
            r#"
[messages]
# "notice", which clients do not ring for, or "text".
msgtype = "notice"
# The addresses that the catalogue's links begin with. Links whose base is not here are left out.
links = {}
"#,
            Value::Table(links.collect::<Table>())
        )
    }

    fn room(&self, room: &NewRoom) -> String {
        let mut toml = format!("\n[[room]]\nroom = {}\n", text(room.name.as_str()));
        if !self.prefix.is_empty() {
            toml.extend(["prefix = ", &text(&self.prefix).to_string(), "\n"]);
        }
        if let Some(rules) = &room.include {
            push_list(&mut toml, "include", rules);
        }
        if !room.exclude.is_empty() {
            push_list(&mut toml, "exclude", &room.exclude);
        }
        if self.shows_unsigned {
            toml.push_str("untrusted = \"mark\"\n");
        }
        toml
    }
}

const ABOUT_ROOMS: &str = "
# One table a room. `include` says what is posted: events that one of its rules matches, all events
# where there is no `include`. `exclude` says what is not posted all the same. Of a rule everything
# must match; an event that lacks what a rule asks for does not match.
";

fn text(text: &str) -> Value {
    Value::from(text)
}

/// A list with a line for each item.
fn push_list(toml: &mut String, key: &str, items: &[impl Display]) {
    toml.extend([key, " = [\n"]);
    toml.extend(items.iter().map(|item| format!("    {item},\n")));
    toml.push_str("]\n");
}
