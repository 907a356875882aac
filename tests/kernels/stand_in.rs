//! A machine with GPUs that are none: the stand-in for the driver's library (`tests/driver`),
//! and what it wrote down.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::common::{Ran, binary};

/// Where `scripts/libdevice` puts CUDA's mathematical functions, from the test's own folder.
const LIBDEVICE: &str = "../../packed/cuda";

/// Holds the stand-in, ready to be loaded, and a folder for what a test makes.
pub(crate) struct Machine {
    folder: TempDir,
    libdevice: PathBuf,
}

/// Holds one line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) words: Vec<String>,
    pub(crate) times: u64,
}

impl Machine {
    /// Sets one up. None, with a word, where CUDA's mathematical functions were not fetched,
    /// but not where everything has to be tested.
    pub(crate) fn new() -> Option<Self> {
        let here = env::current_exe().unwrap().parent().unwrap().to_owned();
        let libdevice = here.join(LIBDEVICE);
        if !libdevice.join("nvvm/libdevice/libdevice.10.bc").exists() {
            assert!(env::var_os("CI").is_none(), "run scripts/libdevice before");
            eprintln!("not tried: scripts/libdevice has not been run");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("lib");
        fs::create_dir(&library).unwrap();
        fs::copy(here.join("libreenact_driver.so"), library.join("libcuda.so.1")).unwrap();
        std::os::unix::fs::symlink("libcuda.so.1", library.join("libcuda.so")).unwrap();
        Some(Self { folder, libdevice })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a spec for a GPU.
    pub(crate) fn spec(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(&format!("{name}.toml"));
        fs::write(&path, text.replace("\"cubecl-cpu\"", "\"cuda\"")).unwrap();
        path
    }

    /// Starts the binary there, with variables of the stand-in by their short names.
    pub(crate) fn command(&self, variables: &[(&str, &str)]) -> Command {
        let mut command = binary();
        command
            .env("LD_LIBRARY_PATH", self.path("lib"))
            .env("CUDA_PATH", &self.libdevice)
            .env("TMPDIR", self.folder.path())
            .env_remove("CUDA_VISIBLE_DEVICES");
        for (name, value) in variables {
            command.env(format!("REENACT_DRIVER_{name}"), value);
        }
        command
    }

    pub(crate) fn run(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
        Ran::from(&self.command(variables).args(arguments).output().unwrap())
    }

    /// Acts while there is no driver.
    pub(crate) fn without_library(&self, act: impl FnOnce()) {
        let (library, aside) = (self.path("lib"), self.path("aside"));
        fs::rename(&library, &aside).unwrap();
        act();
        fs::rename(aside, library).unwrap();
    }

    /// Acts while the driver lacks a function: its name is another one, of the same length.
    pub(crate) fn without_symbol(&self, name: &str, act: impl FnOnce()) {
        let path = self.path("lib/libcuda.so.1");
        let whole = fs::read(&path).unwrap();
        let mut lacking = whole.clone();
        let wanted = format!("\0{name}\0").into_bytes();
        let places = whole.windows(wanted.len()).enumerate().filter(|(_, bytes)| **bytes == wanted);
        for (place, _) in places {
            lacking[place + 1] = b'x';
        }
        assert_ne!(whole, lacking, "{name} is there");
        fs::write(&path, lacking).unwrap();
        act();
        fs::write(path, whole).unwrap();
    }

    /// Has the stand-in write its log, and returns that of the process that calls most.
    pub(crate) fn logged(&self, act: impl FnOnce(&str)) -> Vec<Call> {
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap();
        let prefix = folder.path().join("log");
        act(prefix.to_str().unwrap());
        let files = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let largest = files.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
        calls(&largest)
    }
}

fn calls(path: &Path) -> Vec<Call> {
    let call = |line: &str| {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let times = words.last().and_then(|word| word.strip_prefix('x')?.parse().ok());
        if times.is_some() {
            words.pop();
        }
        Call { words, times: times.unwrap_or(1) }
    };
    fs::read_to_string(path).unwrap().lines().map(call).collect()
}

impl Call {
    /// Returns what was launched: the kernel with its digest, and the launch's geometry.
    pub(crate) fn launch(&self) -> Option<&[String]> {
        (self.words[0] == "launch").then_some(&self.words[1..])
    }

    /// Whether a kernel of reenact's own was launched.
    pub(crate) fn is_ours(&self) -> bool {
        let ours = ["block_sums", "gather_columns"];
        self.launch().is_some_and(|launch| ours.iter().any(|name| launch[0].starts_with(name)))
    }

    pub(crate) fn is_download(&self) -> bool {
        self.words[0] == "download"
    }

    pub(crate) fn is_wait(&self) -> bool {
        ["cuStreamSynchronize", "cuEventSynchronize", "cuCtxSynchronize"]
            .contains(&self.words[0].as_str())
    }
}
