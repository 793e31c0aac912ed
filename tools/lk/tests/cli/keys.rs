//! `lk key new`, `show`, `install`.

use std::fs;

use insta::assert_snapshot;

use crate::program::{Directory, mode, vector_keys};

#[test]
fn a_new_key_is_two_files_and_only_one_of_them_is_for_others() {
    let directory = Directory::new();
    let run = directory.lk(&[
        "key",
        "new",
        "--id",
        "archive-01",
        "--key-id",
        "2",
        "--name",
        "The archive",
        "--email",
        "ftpmaster@example.org",
        "--organization",
        "Example",
        directory.root(),
    ]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert!(run.stdout.contains("fingerprint"), "{run}");
    assert_eq!(mode(&directory.path("archive-01.key_secret")), 0o600);
    assert_eq!(mode(&directory.path("archive-01.key")), 0o644);
    let (public, secret) =
        (directory.read("archive-01.key"), directory.read("archive-01.key_secret"));
    assert!(!public.contains("signing-key") && !public.contains("secret-key"));
    assert!(secret.contains("signing-key") && secret.contains("secret-key"));
    for line in [
        "id = \"archive-01\"",
        "key-id = \"2\"",
        "name = \"The archive\"",
        "organization = \"Example\"",
    ] {
        assert!(public.contains(line) && secret.contains(line), "{line}");
    }
}

#[test]
fn two_new_keys_are_different() {
    let directory = Directory::new();
    for id in ["one", "two"] {
        assert_eq!(directory.lk(&["key", "new", "--id", id, directory.root()]).code, Some(0));
    }
    let line = |file: &str, name: &str| {
        let text = directory.read(file);
        text.lines().find(|line| line.contains(name)).unwrap().to_owned()
    };
    for name in ["verify-key", "signing-key", "public-key", "secret-key"] {
        assert_ne!(line("one.key_secret", name), line("two.key_secret", name));
    }
}

#[test]
fn a_key_is_never_overwritten() {
    for existing in ["archive-01.key", "archive-01.key_secret"] {
        let directory = Directory::new();
        directory.write(existing, "mine");
        let run = directory.lk(&["key", "new", "--id", "archive-01", directory.root()]);
        assert_eq!(run.code, Some(1), "{run}");
        assert!(run.stderr.contains(&format!("{existing} exists already")), "{run}");
        assert_eq!(directory.read(existing), "mine");
        assert_eq!(fs::read_dir(directory.root()).unwrap().count(), 1);
    }
}

#[test]
fn a_key_for_signing_only_has_no_keys_for_connections() {
    let directory = Directory::new();
    directory.lk(&["key", "new", "--id", "a", "--sign-only", directory.root()]);
    assert!(directory.read("a.key_secret").contains("public-key = \"\""));
    assert!(directory.lk(&["key", "show", &directory.text("a.key")]).code == Some(0));
}

#[test]
fn an_id_that_leads_elsewhere_is_refused() {
    let directory = Directory::new();
    for id in ["../a", "a/b", ".hidden", "..", "a\"b", "a\nb", ""] {
        let run = directory.lk(&["key", "new", "--id", id, directory.root()]);
        assert_eq!(run.code, Some(2), "{id:?}");
        assert_eq!(fs::read_dir(directory.root()).unwrap().count(), 0, "{id:?}");
    }
}

#[test]
fn what_is_shown_of_a_secret_key_is_not_secret() {
    let directory = Directory::new();
    let file = directory.secret("archive-01");
    let run = directory.lk(&["key", "show", &file]);
    for secret in ["jXt69/m5OD", "qr<Jwrg"] {
        assert!(directory.read("archive-01.key_secret").contains(secret));
        assert!(!run.stdout.contains(secret));
    }
    assert_snapshot!(run);
    assert_snapshot!(directory.lk(&["key", "show", "--json", &file]));
    let public = vector_keys().join("trusted/archive-01.pub.key");
    let public = directory.lk(&["key", "show", public.to_str().unwrap()]).stdout;
    let fingerprint =
        |text: &str| text.lines().find(|line| line.contains("fingerprint")).unwrap().to_owned();
    assert_eq!(fingerprint(&public), fingerprint(&run.stdout));
}

#[test]
fn a_file_that_is_no_key_is_refused() {
    let directory = Directory::new();
    let file = directory.write("key", "hello");
    assert_snapshot!(directory.lk(&["key", "show", &file]));
}

#[test]
fn a_secret_is_installed_where_modules_look_for_it() {
    let directory = Directory::new();
    let secret = directory.secret("archive-01");
    let install = |module: &str| {
        directory.lk(&[
            "key",
            "install",
            &secret,
            "--module",
            module,
            "--dir",
            &directory.text("keys"),
        ])
    };
    assert_eq!(install("archive").code, Some(0));
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let installed = format!("keys/secret/{}-archive_private.sec", host.trim());
    assert_eq!(mode(&directory.path(&installed)), 0o600);
    assert_eq!(mode(&directory.path("keys/secret")), 0o700);
    assert!(directory.read(&installed).contains("jXt69/m5OD"));

    directory.write(&installed, "mine");
    assert_eq!(install("archive").code, Some(1));
    assert_eq!(directory.read(&installed), "mine");
    for module in ["", "../x", "a/b", "a b", "a.b"] {
        assert_eq!(install(module).code, Some(2), "{module:?}");
    }
}

#[test]
fn a_public_key_is_not_installed_as_a_secret() {
    let directory = Directory::new();
    directory.lk(&["key", "new", "--id", "a", directory.root()]);
    fs::set_permissions(
        directory.path("a.key"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    let keys = directory.text("keys");
    let run = directory.lk(&[
        "key",
        "install",
        &directory.text("a.key"),
        "--module",
        "x",
        "--dir",
        &keys,
    ]);
    assert_snapshot!(run);
    assert!(!directory.path("keys").exists());
}
