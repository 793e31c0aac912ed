//! A module with a key of its own.

use std::{
    fs,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use laniakea_daemon::{Clock, SystemClock, new_key};
use laniakea_event::{
    Dialect, Draft, EventId, KeyId, Object, SignedEvent, SignerId, SigningKey, Value,
    keys::{CurveKeys, KeyFile, Metadata},
};
use laniakea_wire::curve::CurvePair;
use uuid::Uuid;

/// Somebody who signs events.
#[derive(Clone)]
pub struct Module {
    file: KeyFile,
    key: SigningKey,
}

impl Module {
    /// A module with a new key.
    pub fn new(name: &str) -> Self {
        let signer = SignerId::parse(name).unwrap();
        let file = new_key(signer, KeyId::parse("0").unwrap(), Metadata::default(), None).unwrap();
        let key = file.signing_key.clone().unwrap();
        Self { file, key }
    }

    /// The same, with CURVE keys.
    pub fn with_curve(name: &str) -> Self {
        let pair = CurvePair::generate();
        let curve = CurveKeys { public: pair.public.to_string(), secret: Some(pair.secret_text()) };
        let mut module = Self::new(name);
        module.file.curve = Some(curve);
        module
    }

    /// The public CURVE key in Z85, if there is one.
    pub fn curve_key(&self) -> Option<&str> {
        self.file.curve.as_ref().map(|curve| curve.public.as_str())
    }

    /// The CURVE keys in Z85, public and secret, if there are any.
    pub fn curve_pair(&self) -> Option<(&str, &str)> {
        let curve = self.file.curve.as_ref()?;
        Some((&curve.public, curve.secret.as_deref()?))
    }

    /// A module whose secret key is in this file, such as one of the vectors' signers.
    pub fn load(path: &Path) -> Self {
        let file = KeyFile::load(path).unwrap();
        let key = file.signing_key.clone().unwrap();
        Self { file, key }
    }

    /// The module's name as a signer.
    pub fn name(&self) -> &str {
        self.file.signer.as_str()
    }

    /// Its secret key.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Signs an event that differs from every other.
    pub fn event(&self, id: &str) -> SignedEvent {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        self.event_with(id, Object::from([("number".to_owned(), Value::from(number))]))
    }

    /// Signs an event with this content.
    pub fn event_with(&self, id: &str, data: Object) -> SignedEvent {
        self.event_in(Dialect::Seed, id, data)
    }

    /// The same in another dialect.
    pub fn event_in(&self, dialect: Dialect, id: &str, data: Object) -> SignedEvent {
        let draft = Draft::new(EventId::parse(id).unwrap(), SystemClock.now(), data);
        draft.dialect(dialect, Uuid::new_v4()).sign(&self.key).unwrap()
    }

    /// Writes the public key into a directory of trusted keys.
    pub fn publish_key(&self, directory: &Path) -> PathBuf {
        let path = directory.join(format!("{}.pub.key", self.name()));
        fs::write(&path, self.file.public_text()).unwrap();
        path
    }

    /// Writes the secret key, readable by its owner alone.
    pub fn write_secret(&self, path: &Path) {
        let mut options = fs::OpenOptions::new();
        drop(options.create(true).write(true).truncate(true).mode(0o600).open(path).unwrap());
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(path, self.file.secret_text().unwrap()).unwrap();
    }
}
