use super::*;

fn vector(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/events/keys").join(name)
}

fn text_of(name: &str) -> String {
    std::fs::read_to_string(vector(name)).unwrap()
}

fn fault(text: &str) -> String {
    KeyFile::parse(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn files_of_the_python_key_tool_are_read() {
    let file = KeyFile::load(&vector("trusted/archive-01.pub.key")).unwrap();
    assert_eq!(file.signer.as_str(), "archive-01");
    assert_eq!(file.key_id.as_str(), "0");
    assert!(file.signing_key.is_none());
    assert_eq!(file.curve.unwrap().public, "DC<Es!ARhjcVx!}>H&zW{y6Ph9ox^LRdCmMrmFz{");
}

#[test]
fn what_we_write_reads_back() {
    let mut file = KeyFile::parse(text_of("secret/archive-01.key_secret").as_bytes()).unwrap();
    file.key_id = KeyId::parse("7").unwrap();
    file.metadata.name = "a \"quoted\"\nname".to_owned();
    let secret = KeyFile::parse(file.secret_text().unwrap().as_bytes()).unwrap();
    assert_eq!(secret.key_id.as_str(), "7");
    assert_eq!(secret.metadata.name, "a quotedname");
    assert_eq!(secret.curve, file.curve);
    assert!(secret.signing_key.is_some());
    let public = KeyFile::parse(file.public_text().as_bytes()).unwrap();
    assert!(public.signing_key.is_none() && public.curve.unwrap().secret.is_none());
    assert_eq!(public.verify_key, file.verify_key);
}

#[test]
fn a_secret_that_others_can_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.key_secret");
    std::fs::write(&path, text_of("secret/archive-01.key_secret")).unwrap();
    for (mode, is_refused) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        let loaded = SigningKey::load(&path);
        assert_eq!(matches!(loaded, Err(KeyFileError::Exposed { .. })), is_refused, "{mode:o}");
    }
}

#[test]
fn malformed_files_say_what_is_wrong() {
    let good = text_of("secret/archive-01.key_secret");
    assert_eq!(fault(""), "`metadata/id` is missing");
    assert_eq!(
        fault(&good.replace("    verify-key", "    other-key")),
        "`ed/verify-key` is missing"
    );
    assert_eq!(
        fault("metadata\n    id\n"),
        "line 2 is no section, no `name = \"value\"` and no comment"
    );
    assert_eq!(
        fault("metadata\n    id = archive\n"),
        "line 2 is no section, no `name = \"value\"` and no comment"
    );
    assert_eq!(fault("metadata\n    id = \"a\"\n    id = \"b\"\n"), "line 3 repeats an entry");
    assert_eq!(
        fault(&good.replace("DC<Es", "DC~Es")),
        "`curve/public-key` is not 40 characters of Z85"
    );
    let other = text_of("secret/spears-01.key_secret");
    let line =
        |text: &str| text.lines().find(|line| line.contains("signing-key")).unwrap().to_owned();
    assert_eq!(
        fault(&good.replace(&line(&good), &line(&other))),
        "the signing key does not belong to the verify key"
    );
    assert!(KeyFile::parse(&[0xff]).is_err());
    assert!(KeyFile::parse(&vec![b'#'; 70_000]).is_err());
}

#[test]
fn weak_keys_are_refused_by_name() {
    let with_key = |bytes: [u8; 32]| {
        let key = crate::encode_base64(&bytes);
        fault(&format!("metadata\n    id = \"a\"\ned\n    verify-key = \"{key}\"\n"))
    };
    let mut identity = [0; 32];
    identity[0] = 1;
    assert_eq!(with_key(identity), "the verify key is weak: it is of small order");
    let mut identity_beyond_the_field = [0xff; 32];
    identity_beyond_the_field[0] = 0xee;
    identity_beyond_the_field[31] = 0x7f;
    assert_eq!(with_key(identity_beyond_the_field), "the verify key is not in canonical form");
    let mut no_point = [0; 32];
    no_point[0] = 2;
    assert_eq!(with_key(no_point), "the verify key is no point of the curve");
}

#[test]
fn debug_output_never_shows_a_secret() {
    let text = text_of("secret/archive-01.key_secret");
    let shown = format!("{:?}", KeyFile::parse(text.as_bytes()).unwrap());
    assert!(shown.contains("archive-01"));
    assert!(!shown.contains("jXt69") && !shown.contains("qr<Jwrg"), "{shown}");
}

#[test]
fn marks_are_read_and_malformed_ones_are_named() {
    let with = |marks: &str| text_of("trusted/archive-01.pub.key") + "trust\n" + marks;
    let file = KeyFile::parse(
        with(
            "    valid-from = \"2026-11-01T02:00:00+02:00\"\n    # soon\n    later = \"x\"\n\
             \u{20}   revoked = \"2026-11-25T12:00:00.5Z\"\n",
        )
        .as_bytes(),
    );
    let validity = file.unwrap().validity;
    assert_eq!(validity.from, Some("2026-11-01T00:00:00Z".parse().unwrap()));
    assert_eq!(validity.until, None);
    assert_eq!(validity.revoked, Some("2026-11-25T12:00:00.5Z".parse().unwrap()));
    for name in ["valid-from", "valid-until", "revoked"] {
        for value in ["", "2026-11-25", "2026-11-25T12:00:00", "never", "9999-12-31T23:59:59-23:59"]
        {
            assert_eq!(
                fault(&with(&format!("    {name} = \"{value}\"\n"))),
                format!("`{name}` is not a time with an offset, such as 2026-11-25T12:00:00Z")
            );
        }
    }
    let both = |until| {
        with(&format!("    valid-from = \"2026-11-01T00:00:00Z\"\n    valid-until = \"{until}\"\n"))
    };
    assert_eq!(fault(&both("2026-11-01T00:00:00Z")), "`valid-from` is not before `valid-until`");
    assert!(KeyFile::parse(both("2026-11-01T00:00:00.000001Z").as_bytes()).is_ok());
}

#[test]
fn marks_are_written_and_everything_else_stays() {
    let time = |text: &str| Some(text.parse().unwrap());
    let start = "# Ours.\nmetadata\n    id = \"a\"\n\nodd\n    revoked = \"no mark\"\n";
    let revoked = Validity { revoked: time("2026-11-25T12:00:00Z"), ..Validity::ALWAYS };
    let line = "    revoked = \"2026-11-25T12:00:00Z\"\n";
    assert_eq!(KeyFile::mark(start, &revoked), format!("{start}trust\n{line}"));
    assert_eq!(KeyFile::mark(start.trim_end(), &revoked), format!("{start}trust\n{line}"));
    assert_eq!(KeyFile::mark("", &revoked), format!("trust\n{line}"));
    let marks = |marks: &str| format!("{start}trust\n{marks}# Why.\n\nafter\n    x = \"y\"\n");
    let until = "    valid-until = \"2027-11-01T00:00:00Z\"\n";
    assert_eq!(KeyFile::mark(&marks(until), &revoked), marks(&format!("{until}{line}")));
    assert_eq!(KeyFile::mark(&marks(""), &revoked), marks(line));
    let old = "\trevoked=\"2001-01-01T00:00:00Z\"  \n";
    assert_eq!(
        KeyFile::mark(&marks(&format!("{old}{until}")), &revoked),
        marks(&format!("{line}{until}"))
    );
    assert_eq!(KeyFile::mark(&marks(old), &Validity::ALWAYS), marks(old));
    let all = Validity {
        from: time("2026-01-01T00:00:00Z"),
        until: time("2027-01-01T00:00:00Z"),
        revoked: time("2026-06-01T00:00:00Z"),
    };
    let text = KeyFile::mark(&text_of("trusted/archive-01.pub.key"), &all);
    let file = KeyFile::parse(text.as_bytes()).unwrap();
    assert_eq!(file.validity, all);
    assert!(!file.public_text().contains("trust\n"));
}
