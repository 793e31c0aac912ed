//! `lk key rotate`: a signer's next key, made and trusted on one machine.

use std::{
    fs,
    io::{self, BufRead, IsTerminal as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, ValueEnum};
use laniakea_daemon::{Age, write_new};
use laniakea_event::{
    KeyId, SignerId,
    keys::{KeyFile, TrustedFile, Validity},
};

use super::{
    config::{DEFAULT_CONFIG, KeyConfig},
    new::make,
    rotation::{OVERLAP, Rotation, file_stem_of},
    trusted::{TrustedKeys, now, refuse_own},
};
use crate::{
    failure::{hinted, usage},
    output::Facts,
    session::Session,
};

/// Arguments of `lk key rotate`.
#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// Whose next key it is.
    id: SignerId,
    /// Where to write the two files of the new key.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Whether modules written in Python verify its signatures themselves: they know key 0 only.
    /// Asked for on a terminal.
    #[arg(long)]
    python: Option<Python>,
    /// How long its other keys stay valid beside it: 7d, 12h, unlimited.
    #[arg(long, value_name = "DURATION", default_value = OVERLAP)]
    overlap: Age,
    /// The configuration of the relay or consumer that is to trust the key.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// Print what was made as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Python {
    Yes,
    No,
}

/// The two files of a new key.
struct Made {
    key: KeyFile,
    public: PathBuf,
    secret: PathBuf,
}

impl Rotate {
    pub(crate) fn run(self, session: &Session<'_>) -> anyhow::Result<()> {
        let config = KeyConfig::load(&self.config)?;
        let trusted = TrustedKeys::load_to_add(&config.trust)?;
        let known = trusted.of(&self.id);
        let Some((newest_path, newest)) = known.iter().max_by_key(|(_, file)| number(&file.key_id))
        else {
            let error = anyhow!("{} is not known here, so there is nothing to rotate", self.id);
            return Err(usage(hinted(error, "`lk key new` and `lk key trust` begin with a key")));
        };
        refuse_own(&self.id, None, &config)?;
        let python = self.python.map_or_else(|| ask(&self.id), Ok)?;
        let key_id = self.key_id(python, newest, &known)?;
        let like = KeyFile::load(newest_path)?;
        let made = self.make(&key_id, &like, session)?;
        if python == Python::Yes {
            return self.report_switch(&made, session);
        }
        let now = now(session.clock);
        let rotation = Rotation {
            trusted: &trusted,
            key: &made.key,
            validity: Validity::ALWAYS,
            overlap: self.overlap,
            now,
        };
        let rotated = rotation.check().and_then(|()| rotation.run()).inspect_err(|_| {
            // A key that nobody trusts would only be in the way of the next attempt.
            drop(fs::remove_file(&made.public));
            drop(fs::remove_file(&made.secret));
        })?;
        let facts = rotated.tell(made.facts().and("trusted in", rotated.path.display()));
        let install = format!(
            "where the module is: stop it, move its installed secret away, lk key install {} \
             --module MODULE, start it",
            made.secret.display()
        );
        facts.and("next", install).print_as(self.json)
    }

    fn key_id(
        &self,
        python: Python,
        newest: &TrustedFile,
        known: &[(&Path, &TrustedFile)],
    ) -> anyhow::Result<KeyId> {
        if python == Python::Yes {
            if known.iter().all(|(_, file)| file.key_id.as_str() != "0") {
                let error = anyhow!("{} has no key 0, so no module in Python verifies it", self.id);
                return Err(usage(hinted(error, "--python no makes a further key")));
            }
            return Ok(KeyId::parse("0")?);
        }
        let next = number(&newest.key_id).and_then(|number| number.checked_add(1));
        let Some(next) = next else {
            let error = anyhow!("the key ids of {} are not numbers", self.id);
            let hint = "choose one: `lk key new --key-id`, then `lk key trust --rotate`";
            return Err(usage(hinted(error, hint)));
        };
        Ok(KeyId::parse(&next.to_string())?)
    }

    /// Writes the secret first: a public half without it is of no use to anybody.
    fn make(&self, key_id: &KeyId, like: &KeyFile, session: &Session<'_>) -> anyhow::Result<Made> {
        let stem = file_stem_of(&self.id, key_id)?;
        let public = self.dir.join(format!("{stem}.key"));
        let secret = self.dir.join(format!("{stem}.key_secret"));
        let is_sign_only = like.curve.is_none();
        let metadata = like.metadata.clone();
        let key = make(&self.id, key_id, metadata, is_sign_only, session)?;
        let Some(secret_text) = key.secret_text() else { bail!("the new key has no secret") };
        write_new(&secret, &secret_text, 0o600)?;
        write_new(&public, &key.public_text(), 0o644).inspect_err(|_| {
            drop(fs::remove_file(&secret));
        })?;
        Ok(Made { key, public, secret })
    }

    fn report_switch(&self, made: &Made, session: &Session<'_>) -> anyhow::Result<()> {
        let replace = format!(
            "stop the module; then here, and wherever else {id} is verified: lk key trust {public} \
             --id {id} --rotate --replace --config {config}",
            id = self.id,
            public = made.public.display(),
            config = self.config.display()
        );
        let install = format!(
            "where the module is: move its installed secret away, lk key install {} --module \
             MODULE, start it",
            made.secret.display()
        );
        let facts = made.facts().and("trusted in", "nothing yet");
        facts.and("step 1", replace).and("step 2", install).print_as(self.json)?;
        session.notices.warning(&format!(
            "after that, events that {} signed with its old key 0 no longer verify by its own \
             signature, and the signature of a relay does not stand in for it",
            self.id
        ));
        Ok(())
    }
}

impl Made {
    fn facts(&self) -> Facts {
        Facts::default()
            .and("new key", format_args!("{}, key {}", self.key.signer, self.key.key_id))
            .and("fingerprint", self.key.verify_key.fingerprint())
            .and("public file", self.public.display())
            .and("secret file", self.secret.display())
    }
}

/// Key ids that are no numbers come before all others.
fn number(key_id: &KeyId) -> Option<u32> {
    let text = key_id.as_str();
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Asks the person at the terminal; without one the question has to be answered beforehand.
fn ask(id: &SignerId) -> anyhow::Result<Python> {
    let question = format!("Do modules written in Python verify {id}'s signatures themselves?");
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        let error = anyhow!("{question} Say --python yes or --python no");
        let hint = "they know key 0 only. With no, a further key is trusted beside the old one; \
            with yes, a new key 0 is made for a planned switch";
        return Err(usage(hinted(error, hint)));
    }
    ask_on(&question, &mut io::stdin().lock(), &mut anstream::stderr())
        .context("could not ask")?
        .with_context(|| format!("{question} There was no answer"))
        .map_err(usage)
}

/// Asks up to three times.
fn ask_on(
    question: &str,
    answers: &mut dyn BufRead,
    out: &mut dyn io::Write,
) -> io::Result<Option<Python>> {
    for _ in 0..3 {
        write!(out, "{} [yes/no] ", laniakea_catalog::visible(question))?;
        out.flush()?;
        let mut answer = String::new();
        io::Read::take(&mut *answers, 100).read_line(&mut answer)?;
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => return Ok(Some(Python::Yes)),
            "n" | "no" => return Ok(Some(Python::No)),
            _ => {}
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> (Option<Python>, String) {
        let mut out = Vec::new();
        let answer = ask_on("Do \u{1b}they?", &mut text.as_bytes(), &mut out).unwrap();
        (answer, String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_question_is_answered_with_yes_or_no_and_nothing_else() {
        assert_eq!(answer("yes\n").0, Some(Python::Yes));
        assert_eq!(answer(" N \n").0, Some(Python::No));
        assert_eq!(answer("perhaps\n\ny").0, Some(Python::Yes));
        let (none, asked) = answer("");
        assert_eq!(none, None);
        assert_eq!(asked, "Do \\u{1b}they? [yes/no] ".repeat(3));
    }

    #[test]
    fn only_digits_are_a_number() {
        let number = |text: &str| number(&KeyId::parse(text).unwrap());
        assert_eq!([number("0"), number("17")], [Some(0), Some(17)]);
        assert_eq!([number("+1"), number("a"), number("4294967296")], [None; 3]);
    }
}
