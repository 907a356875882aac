//! What starts a night each day: units for the scheduler that a machine already has.

use std::fmt;
use std::path::Path;

use crate::config::Config;

/// Seconds that a night may take beyond its limit before it is killed.
const GRACE_SECONDS: u64 = 600;
/// The limit of a night that has none.
const WALL_SECONDS: u64 = 12 * 3600;

/// Names a scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduler {
    /// systemd: services and timers.
    Systemd,
    /// cron: two lines.
    Cron,
    /// Kubernetes: a CronJob and one that looks after it.
    Kubernetes,
    /// Slurm: two lines for scrontab.
    Slurm,
}

/// Holds a file to be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitFile {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Writes the units that start `binary` each night with the config at `path`, and look from
/// outside whether it happens.
pub fn units(scheduler: Scheduler, config: &Config, binary: &Path, path: &Path) -> Vec<UnitFile> {
    let (binary, path) = (binary.display().to_string(), path.display().to_string());
    let wall = config.budget.wall.map_or(WALL_SECONDS, |wall| wall.seconds);
    let limit = wall.saturating_add(GRACE_SECONDS);
    let file = |name: &str, text: String| UnitFile { name: name.into(), text };
    match scheduler {
        Scheduler::Systemd => vec![
            file("reenact-nightly.service", service(&binary, &path, limit)),
            file("reenact-nightly.timer", timer("A night of reenact", "*-*-* 01:00:00")),
            file("reenact-nightly-status.service", status_service(&binary, &path)),
            file("reenact-nightly-status.timer", timer("Whether nights happen", "*-*-* 09:00:00")),
        ],
        Scheduler::Cron => {
            let (binary, path) = (cron(&shell(&binary)), cron(&shell(&path)));
            let text = format!(
                "# Install with `crontab`. Exit codes 1 and 2 are results: cron mails what is said.\n\
                 0 1 * * * {binary} nightly {path}\n\
                 0 9 * * * {binary} nightly status {path}\n"
            );
            vec![file("reenact.crontab", text)]
        }
        Scheduler::Slurm => {
            let (binary, path) = (shell(&binary), shell(&path));
            let minutes = limit.div_ceil(60);
            let text = format!(
                "# Install with `scrontab`. Exit codes 1 and 2 are results, so nothing is requeued.\n\
                 #SCRON --job-name=reenact-nightly --time={minutes} --no-requeue\n\
                 0 1 * * * {binary} nightly {path}\n\
                 #SCRON --job-name=reenact-nightly-status --time=5 --no-requeue\n\
                 0 9 * * * {binary} nightly status {path}\n"
            );
            vec![file("reenact.scrontab", text)]
        }
        Scheduler::Kubernetes => vec![
            file(
                "reenact-nightly.json",
                cron_job("reenact-nightly", "0 1 * * *", limit, &[&binary, "nightly", &path]),
            ),
            file(
                "reenact-nightly-status.json",
                cron_job(
                    "reenact-nightly-status",
                    "0 9 * * *",
                    300,
                    &[&binary, "nightly", "status", &path],
                ),
            ),
        ],
    }
}

/// Exit codes 1 and 2 are results of a night; that it did not run is another matter.
fn service(binary: &str, path: &str, limit: u64) -> String {
    let (binary, path) = (systemd(binary), systemd(path));
    format!(
        "[Unit]\nDescription=A night of reenact\nAfter=network-online.target\n\
         Wants=network-online.target\n# OnFailure=your-alert@%n.service\n\n\
         [Service]\nType=oneshot\nExecStart={binary} nightly {path}\n\
         SuccessExitStatus=1 2\nTimeoutStartSec={limit}\nNice=10\nNoNewPrivileges=yes\n\
         PrivateTmp=yes\nProtectHome=read-only\n"
    )
}

fn status_service(binary: &str, path: &str) -> String {
    let (binary, path) = (systemd(binary), systemd(path));
    format!(
        "[Unit]\nDescription=Whether nights of reenact happen\n\
         # OnFailure=your-alert@%n.service\n\n\
         [Service]\nType=oneshot\nExecStart={binary} nightly status {path}\n\
         NoNewPrivileges=yes\nPrivateTmp=yes\n"
    )
}

fn timer(what: &str, when: &str) -> String {
    format!(
        "[Unit]\nDescription={what}\n\n[Timer]\nOnCalendar={when}\nPersistent=true\n\
         RandomizedDelaySec=600\n\n[Install]\nWantedBy=timers.target\n"
    )
}

fn cron_job(name: &str, schedule: &str, limit: u64, command: &[&str]) -> String {
    let job = serde_json::json!({
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name},
        "spec": {
            "schedule": schedule,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 3600,
            "jobTemplate": {"spec": {
                "backoffLimit": 0,
                "activeDeadlineSeconds": limit,
                "template": {"spec": {
                    "restartPolicy": "Never",
                    "containers": [{
                        "name": "reenact",
                        "image": "reenact:latest",
                        "command": command,
                        "volumeMounts": [{"name": "verify", "mountPath": "/srv/verify"}],
                    }],
                    "volumes": [{
                        "name": "verify",
                        "persistentVolumeClaim": {"claimName": "verify"},
                    }],
                }},
            }},
        },
    });
    format!("{job:#}\n")
}

/// Quotes a word for a shell.
fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// In a crontab a percent sign ends the line.
fn cron(word: &str) -> String {
    word.replace('%', "\\%")
}

/// Quotes a word for a unit file: percent and dollar signs stand for something there.
fn systemd(word: &str) -> String {
    let escaped = word.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", escaped.replace('%', "%%").replace('$', "$$"))
}

impl fmt::Display for UnitFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "# {}\n{}", self.name, self.text)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    fn config() -> Config {
        let text = "format = 1\nledger = 'l'\nreports = 'r'\n[budget]\ndevice_hours = 1\n\
                    wall = '6h'\n[[runs]]\nname = 'all'\nfrom = 'runs/*'\n";
        Config::parse(text, Path::new("/etc/reenact")).unwrap()
    }

    fn of(scheduler: Scheduler, binary: &str) -> Vec<UnitFile> {
        units(scheduler, &config(), Path::new(binary), Path::new("/etc/100% mine/night.toml"))
    }

    #[test]
    fn paths_are_quoted_as_each_language_wants_it() {
        let text = |scheduler| of(scheduler, "/opt/reenact").remove(0).text;
        assert!(text(Scheduler::Systemd).contains("\"/etc/100%% mine/night.toml\""));
        assert!(
            text(Scheduler::Cron).contains("/opt/reenact nightly '/etc/100\\% mine/night.toml'")
        );
        assert!(text(Scheduler::Slurm).contains("nightly '/etc/100% mine/night.toml'"));
        assert!(text(Scheduler::Systemd).contains("TimeoutStartSec=22200"));
        let job: serde_json::Value = serde_json::from_str(&text(Scheduler::Kubernetes)).unwrap();
        let container = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["command"][2], "/etc/100% mine/night.toml");
    }

    /// Checked by systemd itself, where it is there.
    #[test]
    fn systemd_takes_its_units() {
        let folder = tempfile::tempdir().unwrap();
        let mut paths = Vec::new();
        for unit in of(Scheduler::Systemd, "/bin/true") {
            let path = folder.path().join(&unit.name);
            fs::write(&path, unit.text).unwrap();
            paths.push(path);
        }
        let Ok(output) = Command::new("systemd-analyze").arg("verify").args(&paths).output() else {
            eprintln!("NOT CHECKED, for want of systemd-analyze");
            return;
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.contains("reenact-"), "{said}");
    }
}
