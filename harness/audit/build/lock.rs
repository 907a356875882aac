//! Which lock file a binary is built from.
//!
//! Cargo does not tell a build script. reenact may be a dependency, so the lock file
//! beside its own source is seldom the right one, and a target folder may lie anywhere.
//! What is certain is where cargo looks: above the manifest that it is given, or above
//! the folder that it is called in. A lock file that does not list this package is never
//! the one. Where none is certain there is none: a wrong digest would call two builds
//! the same that are not.

use std::fs;
use std::path::{Path, PathBuf};

/// The variable by which a user names the lock file.
pub(crate) const VARIABLE: &str = "REENACT_LOCK";

/// Holds what there is to tell the lock file by.
pub(crate) struct Build {
    /// What the user names.
    pub(crate) named: Option<PathBuf>,
    /// The folder that cargo was called in.
    pub(crate) folder: Option<PathBuf>,
    /// What cargo was called with; empty if that is unknown.
    pub(crate) arguments: Vec<String>,
    /// Where the source of this package lies.
    pub(crate) manifest_dir: PathBuf,
    /// Where the build writes.
    pub(crate) out_dir: PathBuf,
    /// Name of this package.
    pub(crate) package: String,
    /// Version of this package.
    pub(crate) version: String,
}

/// Says which lock file it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// This one.
    Lock(PathBuf),
    /// It cannot be told, for this reason.
    Unknown(String),
}

/// Tells the lock file of the workspace that is being built.
pub(crate) fn find(build: &Build) -> Found {
    if let Some(named) = &build.named {
        let unfit = || format!("{VARIABLE} names {}, which {}", named.display(), build.unlisted());
        let fit = Some(named.clone()).filter(|path| build.is_listed_in(path));
        return fit.map_or_else(|| Found::Unknown(unfit()), Found::Lock);
    }
    let locked = build.has("--locked") || build.has("--frozen");
    let installs = build.subcommand() == Some("install");
    if installs && !locked {
        return Found::Unknown("`cargo install` reads none without `--locked`".into());
    }
    let folder = build.folder.clone().unwrap_or_default();
    let mut places = Vec::new();
    match (installs, build.value("--path"), build.value("--manifest-path")) {
        (true, Some(path), _) => places.push(folder.join(path)),
        (true, None, _) => places.push(build.manifest_dir.clone()),
        (false, _, Some(manifest)) => places.push(folder.join(manifest)),
        // The target folder is the workspace's own, unless somebody says otherwise.
        (false, _, None) => places.extend([folder, build.out_dir.clone()]),
    }
    let found = places.iter().find_map(|place| build.above(place));
    let advice = || format!("name it in the variable {VARIABLE}");
    found.map_or_else(|| Found::Unknown(advice()), Found::Lock)
}

impl Build {
    /// Returns the nearest lock file above a place that lists this package.
    fn above(&self, place: &Path) -> Option<PathBuf> {
        // `..` in a path would make its parents other folders than they look.
        let place = fs::canonicalize(place).ok()?;
        let mut locks = place.ancestors().map(|folder| folder.join("Cargo.lock"));
        locks.find(|lock| self.is_listed_in(lock))
    }

    fn is_listed_in(&self, lock: &Path) -> bool {
        let text = fs::read_to_string(lock).unwrap_or_default();
        let (name, version) =
            (format!("name = \"{}\"", self.package), format!("version = \"{}\"", self.version));
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        lines.windows(2).any(|pair| pair[0] == name && pair[1] == version)
    }

    fn unlisted(&self) -> String {
        format!("does not list {} {}", self.package, self.version)
    }

    /// Returns cargo's own arguments; what follows `--` is a program's.
    fn words(&self) -> impl Iterator<Item = &str> {
        self.arguments.iter().map(String::as_str).take_while(|&word| word != "--")
    }

    fn subcommand(&self) -> Option<&str> {
        self.words().find(|word| !word.starts_with(['-', '+']))
    }

    fn has(&self, option: &str) -> bool {
        self.words().any(|word| word == option)
    }

    /// Returns the value of an option, written as `--option value` or `--option=value`.
    fn value(&self, option: &str) -> Option<&str> {
        let mut words = self.words();
        while let Some(word) = words.next() {
            if word == option {
                return words.next();
            }
            if let Some(value) = word.strip_prefix(option).and_then(|rest| rest.strip_prefix('=')) {
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "[[package]]\nname = \"reenact\"\nversion = \"0.1.0\"\n";
    const OTHER: &str = "[[package]]\nname = \"reenact-core\"\nversion = \"0.1.0\"\n";

    /// A user's workspace, reenact's own source, and a place for builds.
    struct Disk(tempfile::TempDir);

    impl Disk {
        fn new() -> Self {
            let disk = Self(tempfile::tempdir().unwrap());
            for folder in ["user/app/target/out", "checkout/harness/cli", "scratch/out"] {
                fs::create_dir_all(disk.path(folder)).unwrap();
            }
            fs::write(disk.path("user/Cargo.lock"), LISTED).unwrap();
            fs::write(disk.path("checkout/Cargo.lock"), LISTED).unwrap();
            disk
        }

        fn path(&self, name: &str) -> PathBuf {
            fs::canonicalize(self.0.path()).unwrap().join(name)
        }

        fn build(&self, folder: &str, out_dir: &str, arguments: &[&str]) -> Build {
            Build {
                named: None,
                folder: Some(self.path(folder)),
                arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
                manifest_dir: self.path("checkout/harness/cli"),
                out_dir: self.path(out_dir),
                package: "reenact".into(),
                version: "0.1.0".into(),
            }
        }

        fn lock(&self, workspace: &str) -> Found {
            Found::Lock(self.path(workspace).join("Cargo.lock"))
        }
    }

    fn is_unknown(found: &Found) -> bool {
        matches!(found, Found::Unknown(_))
    }

    #[test]
    fn a_users_lock_is_found_wherever_the_target_folder_lies() {
        let disk = Disk::new();
        for out_dir in ["user/app/target/out", "scratch/out"] {
            assert_eq!(find(&disk.build("user/app", out_dir, &["build"])), disk.lock("user"));
        }
        let elsewhere = disk.build("scratch", "user/app/target/out", &["build"]);
        assert_eq!(find(&elsewhere), disk.lock("user"));
    }

    #[test]
    fn reenacts_own_lock_is_not_taken_for_a_users() {
        let disk = Disk::new();
        let lost = find(&disk.build("scratch", "scratch/out", &["build"]));
        assert!(is_unknown(&lost), "{lost:?}");
        // Called inside of reenact's source, for a workspace that lies elsewhere.
        let manifest = disk.path("user/app/Cargo.toml");
        fs::write(&manifest, "").unwrap();
        let manifest = manifest.display().to_string();
        for option in
            [vec!["--manifest-path", &manifest], vec![&*format!("--manifest-path={manifest}")]]
        {
            let build = disk.build("checkout", "scratch/out", &[&["build"], &option[..]].concat());
            assert_eq!(find(&build), disk.lock("user"));
        }
        let relative = ["test", "--manifest-path", "../user/app/Cargo.toml"];
        assert_eq!(find(&disk.build("checkout", "scratch/out", &relative)), disk.lock("user"));
    }

    #[test]
    fn a_lock_that_does_not_list_the_package_is_passed_over() {
        let disk = Disk::new();
        fs::write(disk.path("user/app/Cargo.lock"), OTHER).unwrap();
        let build = disk.build("user/app", "scratch/out", &["build"]);
        assert_eq!(find(&build), disk.lock("user"));
        let newer = Build { version: "0.2.0".into(), ..build };
        assert!(is_unknown(&find(&newer)));
    }

    #[test]
    fn an_installation_has_a_lock_only_where_it_is_told_to() {
        let disk = Disk::new();
        let install = |more: &[&str]| {
            find(&disk.build("scratch", "scratch/out", &[&["install"], more].concat()))
        };
        assert!(is_unknown(&install(&["--path", "../user/app"])));
        assert_eq!(install(&["--locked", "--path", "../user/app"]), disk.lock("user"));
        assert_eq!(install(&["--locked", "--git", "https://example.org/x"]), disk.lock("checkout"));
    }

    #[test]
    fn arguments_of_a_program_are_not_cargos() {
        let disk = Disk::new();
        for more in [&["run", "--", "install", "--manifest-path", "x"][..], &["test", "install"]] {
            let build = disk.build("user/app", "scratch/out", more);
            assert_eq!(find(&build), disk.lock("user"), "{more:?}");
        }
    }

    #[test]
    fn a_named_lock_wins_if_it_lists_the_package() {
        let disk = Disk::new();
        let build = disk.build("checkout", "scratch/out", &["build"]);
        let named = Build { named: Some(disk.path("user/Cargo.lock")), ..build };
        assert_eq!(find(&named), disk.lock("user"));
        let wrong = Build { named: Some(disk.path("user/none.lock")), ..named };
        let Found::Unknown(why) = find(&wrong) else { panic!() };
        assert!(why.contains("does not list reenact 0.1.0"), "{why}");
    }

    #[test]
    fn without_a_word_about_cargo_the_target_folder_tells() {
        let disk = Disk::new();
        let build = disk.build("scratch", "user/app/target/out", &[]);
        assert_eq!(find(&Build { folder: None, ..build }), disk.lock("user"));
        let build = disk.build("scratch", "scratch/out", &[]);
        assert!(is_unknown(&find(&Build { folder: None, ..build })));
    }
}
