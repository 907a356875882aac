//! What every place of objects is held to.

mod conformance;

use reenact_store::{Creation, Folder, Memory, Objects, ObjectsError};

#[test]
fn memory_conforms() {
    conformance::check(&Memory::default());
}

#[test]
fn a_folder_conforms() {
    let folder = tempfile::tempdir().unwrap();
    conformance::check(&Folder::open(&folder.path().join("new/place")).unwrap());
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
    assert_eq!(Folder::open(folder.path()).unwrap().list("", 9).unwrap(), ["a/result"]);
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
    assert_eq!(place.list("", 9).unwrap(), ["inside"]);
    assert!(place.read("link", 9).is_err());
    assert!(matches!(place.read("../secret", 9), Err(ObjectsError::Name { .. })));
}
