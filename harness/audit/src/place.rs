//! The names of the place where a recording lies.

use std::fs;
use std::path::{Component, Path, PathBuf};

use reenact_store::is_bucket;

/// Links that are followed on one way; as many as the system follows.
const LINKS_MAX: usize = 40;

/// Returns every name under which the ledger knows a recording's folder: the given one, what
/// each link on the way leads to, and last its path with every link followed. The folder
/// itself may be gone.
///
/// Only the last would be a place that can be exchanged without a trace: by a link that is
/// put where the folder was, or by another link on the way.
pub fn names(run: &Path) -> Vec<String> {
    if let Some(bucket) = run.to_str().filter(|place| is_bucket(place)) {
        return vec![bucket.trim_end_matches('/').into()];
    }
    let mut paths = Vec::new();
    let mut path = straight(&absolute(run));
    while paths.len() < LINKS_MAX {
        let next = followed(&path).map(|next| straight(&next));
        paths.push(path);
        match next {
            Some(next) => path = next,
            None => break,
        }
    }
    paths.extend(run.canonicalize());
    let mut names: Vec<String> = paths.iter().map(|path| text(path)).collect();
    let last = names.pop().unwrap_or_default();
    names.retain(|name| *name != last);
    names.push(last);
    names
}

/// Two paths that are no text must not become one.
fn text(path: &Path) -> String {
    path.to_str().map_or_else(|| format!("{path:?}"), str::to_owned)
}

/// Completes a path as the user sees it: the shell may have come to the working directory
/// through a link, which only its variable tells.
fn absolute(run: &Path) -> PathBuf {
    let shown = std::env::var_os("PWD").map(PathBuf::from).filter(|shown| shown.is_absolute());
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).ok();
    let shown = shown.filter(|shown| shown.canonicalize().ok() == here && here.is_some());
    match shown {
        Some(shown) => shown.join(run),
        None => std::path::absolute(run).unwrap_or_else(|_| run.into()),
    }
}

/// Takes `.` and `..` out of a path, but where they follow a link.
fn straight(path: &Path) -> PathBuf {
    let mut straight = PathBuf::new();
    let mut parts = path.components();
    for part in parts.by_ref() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if straight.is_symlink() => {
                straight.push(part);
                break;
            }
            Component::ParentDir => drop(straight.pop()),
            part => straight.push(part),
        }
    }
    let rest = parts.as_path();
    if rest.as_os_str().is_empty() { straight } else { straight.join(rest) }
}

/// Follows the first link on the way; none if there is none.
fn followed(path: &Path) -> Option<PathBuf> {
    let mut before = PathBuf::new();
    let mut parts = path.components();
    while let Some(part) = parts.next() {
        let target = fs::read_link(before.join(part));
        if let Ok(target) = target {
            let rest = parts.as_path();
            let next = before.join(target);
            return Some(if rest.as_os_str().is_empty() { next } else { next.join(rest) });
        }
        before.push(part);
    }
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use tempfile::tempdir;

    #[test]
    fn every_name_on_the_way_is_one() {
        let folder = tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let of = |path: &str| names(&root.join(path));
        let inside = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| text(&root.join(name))).collect()
        };
        fs::create_dir_all(root.join("disk/runs/cnn")).unwrap();
        assert_eq!(of("disk/runs/cnn"), inside(&["disk/runs/cnn"]));
        assert_eq!(of("disk/./runs/../runs//cnn/"), inside(&["disk/runs/cnn"]));
        symlink("disk", root.join("data")).unwrap();
        symlink(root.join("data/runs/cnn"), root.join("latest")).unwrap();
        assert_eq!(of("data/runs/cnn"), inside(&["data/runs/cnn", "disk/runs/cnn"]));
        assert_eq!(of("latest"), inside(&["latest", "data/runs/cnn", "disk/runs/cnn"]));
        assert_eq!(of("latest/../cnn").last(), inside(&["disk/runs/cnn"]).last());
        // What is not there has the name that it was given, and where a link leads.
        assert_eq!(of("disk/none"), inside(&["disk/none"]));
        assert_eq!(of("data/none"), inside(&["data/none", "disk/none"]));
        symlink("round", root.join("round")).unwrap();
        assert_eq!(of("round"), inside(&["round"]));
    }
}
