//! What was called, as a text for tests to read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process;

/// Writes down calls, and counts them.
#[derive(Debug, Default)]
pub struct Log {
    lines: Option<BufWriter<File>>,
    /// The last line, and how often it came so far.
    last: (String, u64),
    counts: BTreeMap<&'static str, [u64; 2]>,
    counts_path: Option<PathBuf>,
}

impl Log {
    /// Opens the log, and remembers where the counts go.
    ///
    /// # Errors
    /// The file that cannot be created.
    pub fn open(log: Option<&Path>, counts: Option<&Path>) -> Result<Self, String> {
        let create = |path: &Path| {
            let path = of_process(path);
            File::create(&path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let lines = log.map(create).transpose()?.map(BufWriter::new);
        Ok(Self { lines, counts_path: counts.map(of_process), ..Self::default() })
    }

    /// Counts a call that moves so many bytes.
    pub fn count(&mut self, call: &'static str, byte_len: u64) {
        let count = self.counts.entry(call).or_default();
        count[0] += 1;
        count[1] += byte_len;
    }

    /// Writes a line down. One that comes many times in a row is written once, with its number.
    pub fn line(&mut self, line: impl FnOnce() -> String) {
        if self.lines.is_none() {
            return;
        }
        let line = line();
        if line == self.last.0 {
            self.last.1 += 1;
            return;
        }
        self.write_last();
        self.last = (line, 1);
    }

    /// Writes all that is still held back, and the counts.
    pub fn flush(&mut self) {
        self.write_last();
        self.last = Default::default();
        if let Some(lines) = &mut self.lines {
            let _ = lines.flush();
        }
        if let Some(path) = &self.counts_path {
            let row =
                |(call, [calls, bytes]): (&&str, &[u64; 2])| format!("{call} {calls} {bytes}\n");
            let text: String = self.counts.iter().map(row).collect();
            let _ = std::fs::write(path, text);
        }
    }

    fn write_last(&mut self) {
        let (line, times) = &self.last;
        let Some(lines) = self.lines.as_mut().filter(|_| *times > 0) else { return };
        // A test that misses a line fails; there is nobody to tell here.
        let _ = match times {
            1 => writeln!(lines, "{line}"),
            times => writeln!(lines, "{line} x{times}"),
        };
    }
}

fn of_process(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", process::id()));
    name.into()
}
