use std::io::Write as _;

use super::*;
use crate::apt::index::Entries;

const TEXT: &str = "Package: hello\nVersion: 1\n\nPackage: world\nVersion: 2\n";

fn pack(compression: Compression, text: &[u8]) -> Vec<u8> {
    match compression {
        Compression::Xz => {
            let mut writer = liblzma::write::XzEncoder::new(Vec::new(), 6);
            writer.write_all(text).unwrap();
            writer.finish().unwrap()
        }
        Compression::Gzip => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
            writer.write_all(text).unwrap();
            writer.finish().unwrap()
        }
        Compression::Lz4 => {
            let mut writer = lz4_flex::frame::FrameEncoder::new(Vec::new());
            writer.write_all(text).unwrap();
            writer.finish().unwrap()
        }
        Compression::None => text.to_vec(),
    }
}

fn expect(packed: &[u8], plain: &[u8]) -> Expected {
    Expected {
        packed: Some(Checksum::of(packed)),
        plain: Some(Checksum::of(plain)),
        max_bytes: 1 << 20,
    }
}

fn read(file: &[u8], compression: Compression, expected: &Expected) -> Result<Index, UnpackError> {
    read_index(file, compression, &IndexKind::Sources, expected)
}

#[test]
fn every_compression_is_unpacked_and_checked() {
    for compression in Compression::KEPT {
        let packed = pack(compression, TEXT.as_bytes());
        let both = expect(&packed, TEXT.as_bytes());
        for expected in [both, Expected { packed: None, ..both }, Expected { plain: None, ..both }]
        {
            let index = read(&packed, compression, &expected).unwrap();
            assert!(matches!(index.entries, Entries::Sources(entries) if entries.len() == 2));
        }
    }
}

#[test]
fn files_made_of_several_streams_are_read_to_their_end() {
    let (first, second) = TEXT.as_bytes().split_at(20);
    for compression in [Compression::Xz, Compression::Gzip] {
        let packed = [pack(compression, first), pack(compression, second)].concat();
        let index = read(&packed, compression, &expect(&packed, TEXT.as_bytes())).unwrap();
        assert!(matches!(index.entries, Entries::Sources(entries) if entries.len() == 2));
    }
}

#[test]
fn a_file_that_was_cut_off_is_refused_at_every_length() {
    for compression in Compression::KEPT {
        let packed = pack(compression, TEXT.as_bytes());
        for length in 0..packed.len() {
            let expected = expect(&packed, TEXT.as_bytes());
            assert!(read(&packed[..length], compression, &expected).is_err(), "{length}");
        }
    }
}

#[test]
fn a_file_with_any_flipped_byte_is_refused() {
    for compression in Compression::KEPT {
        let packed = pack(compression, TEXT.as_bytes());
        for place in 0..packed.len() {
            let mut damaged = packed.clone();
            damaged[place] ^= 1;
            let expected = expect(&packed, TEXT.as_bytes());
            assert!(read(&damaged, compression, &expected).is_err(), "{compression:?} {place}");
        }
    }
}

#[test]
fn a_good_file_of_another_version_has_the_wrong_hash() {
    let other = TEXT.replace("hello", "howdy");
    for compression in Compression::KEPT {
        let packed = pack(compression, other.as_bytes());
        let expected = Expected { packed: None, ..expect(&packed, TEXT.as_bytes()) };
        let error = read(&packed, compression, &expected).unwrap_err();
        assert!(matches!(error, UnpackError::WrongHash { .. }), "{error:?}");
    }
}

#[test]
fn something_after_the_end_is_refused() {
    for compression in Compression::KEPT {
        let packed = pack(compression, TEXT.as_bytes());
        let longer = [&packed[..], b"\n"].concat();
        let result = read(&longer, compression, &expect(&packed, TEXT.as_bytes()));
        assert!(matches!(result, Err(UnpackError::Unreadable(_))), "{compression:?}");
    }
}

#[test]
fn a_bomb_is_refused_before_it_goes_off() {
    let bomb = vec![b'\n'; 4 << 20];
    for compression in [Compression::Xz, Compression::Gzip, Compression::Lz4] {
        let packed = pack(compression, &bomb);
        let honest = expect(&packed, &bomb);
        let result = read(&packed, compression, &honest);
        assert!(matches!(result, Err(UnpackError::TooLarge { .. })), "{compression:?}");

        let unsaid = Expected { plain: None, ..honest };
        let result = read(&packed, compression, &unsaid);
        assert!(matches!(result, Err(UnpackError::Unreadable(_))), "{compression:?}");
    }
}

#[test]
fn an_index_without_any_hash_is_worth_nothing() {
    let expected = Expected { packed: None, plain: None, max_bytes: 1 << 20 };
    let result = read(TEXT.as_bytes(), Compression::None, &expected);
    assert!(matches!(result, Err(UnpackError::NoHash)));
}
