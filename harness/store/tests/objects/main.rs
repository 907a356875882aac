//! What every place of objects is held to.

mod conformance;

use reenact_store::{Creation, Folder, Listed, Memory, Objects, ObjectsError};

#[test]
fn memory_conforms() {
    conformance::check(&Memory::default());
}

#[test]
fn a_folder_conforms() {
    let folder = tempfile::tempdir().unwrap();
    conformance::check(&Folder::open(&folder.path().join("new/place")).unwrap());
}

/// A server is there where `scripts/with-s3` runs this.
#[cfg(feature = "s3")]
#[test]
fn a_bucket_conforms() {
    if std::env::var("AWS_ENDPOINT_URL").is_err() {
        eprintln!("there is no server, so nothing is tried: use scripts/with-s3");
        return;
    }
    let place = format!("s3://runs/conformance-{}", std::process::id());
    conformance::check(reenact_store::open_objects(&place).unwrap().as_ref());
}

#[test]
fn two_processes_that_create_the_same_object_agree() {
    let folder = tempfile::tempdir().unwrap();
    let made: Vec<Creation> = std::thread::scope(|scope| {
        let create = |number: u8| {
            let place = Folder::open(folder.path()).unwrap();
            scope.spawn(move || place.create("a/result", &[number; 100_000]).unwrap())
        };
        let threads: Vec<_> = (0..8).map(|number| create(number % 2)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let count = |wanted| made.iter().filter(|found| **found == wanted).count();
    assert_eq!((count(Creation::New), count(Creation::Same)), (1, 3), "{made:?}");
    let listed = Folder::open(folder.path()).unwrap().list("", 9).unwrap();
    assert_eq!(listed, [Listed { name: "a/result".into(), bytes: 100_000 }]);
}

#[cfg(unix)]
#[test]
fn nothing_leads_out_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "s").unwrap();
    let place = Folder::open(&folder.path().join("place")).unwrap();
    place.create("inside", b"i").unwrap();
    let root = folder.path().join("place");
    std::os::unix::fs::symlink(folder.path().join("secret"), root.join("link")).unwrap();
    std::os::unix::fs::symlink(folder.path(), root.join("folder")).unwrap();
    assert_eq!(place.list("", 9).unwrap(), [Listed { name: "inside".into(), bytes: 1 }]);
    assert!(place.read("link", 9).is_err());
    assert!(matches!(place.read("../secret", 9), Err(ObjectsError::Name { .. })));
}
