//! The suite: whoever holds objects passes it, wherever they are.

use reenact_store::{Creation, Objects, ObjectsError};

pub(crate) fn check(place: &dyn Objects) {
    creates_once(place);
    reads_ranges(place);
    lists_in_order(place);
    replaces_and_removes(place);
    refuses_names(place);
}

fn creates_once(place: &dyn Objects) {
    assert_eq!(place.create("once/a", b"first").unwrap(), Creation::New);
    assert_eq!(place.create("once/a", b"first").unwrap(), Creation::Same);
    assert_eq!(place.create("once/a", b"other").unwrap(), Creation::Other);
    assert_eq!(place.create("once/a", b"first, and more").unwrap(), Creation::Other);
    assert_eq!(place.read("once/a", 5).unwrap().unwrap(), b"first");
    assert_eq!(place.create("once/empty", b"").unwrap(), Creation::New);
    assert_eq!(place.read("once/empty", 0).unwrap().unwrap(), b"");
    let large: Vec<u8> = (0..200_000_u32).map(|byte| byte as u8).collect();
    assert_eq!(place.create("once/large", &large).unwrap(), Creation::New);
    assert_eq!(place.create("once/large", &large).unwrap(), Creation::Same);
    let mut other = large.clone();
    other[150_000] ^= 1;
    assert_eq!(place.create("once/large", &other).unwrap(), Creation::Other);
}

fn reads_ranges(place: &dyn Objects) {
    place.create("ranges", b"0123456789").unwrap();
    assert_eq!(place.byte_len("ranges").unwrap(), Some(10));
    let mut buffer = [0; 4];
    place.read_at("ranges", 6, &mut buffer).unwrap();
    assert_eq!(&buffer, b"6789");
    place.read_at("ranges", 10, &mut []).unwrap();
    for offset in [7, 10, u64::MAX] {
        assert!(place.read_at("ranges", offset, &mut buffer).is_err(), "{offset}");
    }
    let refused = place.read("ranges", 9).unwrap_err();
    assert!(matches!(refused, ObjectsError::TooLarge { bytes: 10, limit: 9, .. }), "{refused}");
    assert_eq!(place.byte_len("absent").unwrap(), None);
    assert_eq!(place.read("absent/too", 9).unwrap(), None);
    assert!(place.read_at("absent", 0, &mut buffer).is_err());
}

fn lists_in_order(place: &dyn Objects) {
    for name in ["list/b/2", "list/a", "list/b/10", "listed"] {
        place.create(name, b"x").unwrap();
    }
    let names = |prefix: &str, limit| -> Vec<String> {
        place.list(prefix, limit).unwrap().into_iter().map(|found| found.name).collect()
    };
    let sizes: Vec<u64> = place.list("list/", 3).unwrap().iter().map(|found| found.bytes).collect();
    assert_eq!(sizes, [1, 1, 1]);
    assert_eq!(names("list/", 3), ["list/a", "list/b/10", "list/b/2"]);
    assert_eq!(names("list/b/", 9), ["list/b/10", "list/b/2"]);
    assert!(matches!(place.list("list/", 2), Err(ObjectsError::TooMany { limit: 2, .. })));
    assert_eq!(names("nothing/", 9), Vec::<String>::new());
    assert!(names("", 99).contains(&"listed".to_owned()));
}

fn replaces_and_removes(place: &dyn Objects) {
    for content in [b"one".as_slice(), b"another", b""] {
        place.replace("changes", content).unwrap();
        assert_eq!(place.read("changes", 99).unwrap().unwrap(), content);
    }
    place.remove("changes").unwrap();
    place.remove("changes").unwrap();
    assert_eq!(place.byte_len("changes").unwrap(), None);
    assert_eq!(place.create("changes", b"new").unwrap(), Creation::New);
}

fn refuses_names(place: &dyn Objects) {
    for name in ["", "..", "../a", "/a", "a//b", "a/", ".hidden", "a\nb"] {
        let refused = place.create(name, b"x").unwrap_err();
        assert!(matches!(refused, ObjectsError::Name { .. }), "{name:?}: {refused}");
        assert!(place.byte_len(name).is_err() && place.read(name, 9).is_err(), "{name:?}");
    }
}
