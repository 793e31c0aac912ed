//! `lighthouse init`: a new relay's keys, directories and configuration.

use std::{fs, os::unix::fs::DirBuilderExt, path::Path};

use anyhow::Context as _;
use laniakea_daemon::{Clock, new_key, print_line, write_new};
use laniakea_event::{
    KeyId, SignerId,
    keys::{CurveKeys, Metadata},
};
use laniakea_wire::curve::CurvePair;

/// Makes the directory and says what to do next. Nothing that exists is overwritten.
pub(crate) fn init(dir: &Path, id: &str, clock: &dyn Clock) -> anyhow::Result<()> {
    let signer = SignerId::parse(id).context("--id is wrong")?;
    fs::create_dir_all(dir).with_context(|| format!("could not make {}", dir.display()))?;
    let dir = dir.canonicalize().with_context(|| format!("could not find {}", dir.display()))?;
    for (name, mode) in
        [("keys", 0o755), ("keys/secret", 0o700), ("keys/trusted", 0o755), ("data", 0o700)]
    {
        let path = dir.join(name);
        let mut builder = fs::DirBuilder::new();
        builder
            .recursive(true)
            .mode(mode)
            .create(&path)
            .with_context(|| format!("could not make {}", path.display()))?;
    }
    let pair = CurvePair::generate();
    let curve = CurveKeys { public: pair.public.to_string(), secret: Some(pair.secret_text()) };
    let metadata = Metadata {
        name: format!("Relay {signer}"),
        date_created: clock.now().strftime("%Y-%m-%d %H:%M:%S").to_string(),
        ..Metadata::default()
    };
    let key = new_key(signer.clone(), KeyId::parse("0")?, metadata, Some(curve))?;
    let config = dir.join("lighthouse.toml");
    write_new(&config, &config_text(&dir)?, 0o644)?;
    write_new(
        &dir.join("keys/secret/relay.key_secret"),
        &key.secret_text().unwrap_or_default(),
        0o600,
    )?;
    write_new(&dir.join("keys").join(format!("{signer}.key")), &key.public_text(), 0o644)?;
    let (dir, config) = (dir.display(), config.display());
    print_line!("Made the relay {signer} in {dir}.\n")?;
    print_line!("Next:")?;
    print_line!("  1. Make a key for each module:    lk key new --id archive-01 {dir}/keys")?;
    print_line!(
        "  2. Say what that module may emit: lk key trust {dir}/keys/archive-01.key --id archive-01 \\"
    )?;
    print_line!("                                      --emit _lk.archive. --config {config}")?;
    print_line!("  3. Start the relay:               lighthouse run --config {config}")?;
    print_line!("  4. Give consumers its public key: {dir}/keys/{signer}.key")?;
    Ok(())
}

fn config_text(dir: &Path) -> anyhow::Result<String> {
    let text = |path: &str| -> anyhow::Result<String> {
        let path = dir.join(path);
        let path = path.to_str().context("the directory's name is not UTF-8")?;
        Ok(toml::Value::String(path.to_owned()).to_string())
    };
    Ok(format!(
        "# A relay of the event stream. Every key is explained in config/lighthouse.toml of the source.\n\
         data_dir = {}\n\n\
         [identity]\nkey_file = {}\n\n\
         [trust]\nkeys_dir = {}\nrelays = []\n\n\
         # What each signer may emit; `lk key trust` adds to it.\n\
         [trust.emit]\n\n\
         [submit]\nendpoints = [\"tcp://127.0.0.1:5571\"]\n\n\
         [publish]\nendpoints = [\"tcp://127.0.0.1:5572\"]\n\n\
         [replay]\nendpoints = [\"tcp://127.0.0.1:5573\"]\n\n\
         [journal]\nretain = \"unlimited\"\n",
        text("data")?,
        text("keys/secret/relay.key_secret")?,
        text("keys/trusted")?
    ))
}
