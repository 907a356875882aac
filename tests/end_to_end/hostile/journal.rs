//! What an insider does to the frames of a journal.

use super::expression::{bytes, offset};
use super::folder::Folder;

/// Changes frames; [`Folder::reforge`] then chains them anew.
pub(super) fn apply(folder: &mut Folder, verb: &str, words: &[String]) -> Result<(), String> {
    let number: usize = words.first().and_then(|word| word.parse().ok()).ok_or("which frame?")?;
    let rest = &words[1..];
    let frames = folder.frames();
    if number > frames.len() || (number == frames.len() && verb != "insert-frame") {
        return Err(format!("there are {} frames", frames.len()));
    }
    match verb {
        "frame" | "insert-frame" => {
            let kind = rest.first().and_then(|word| word.parse().ok()).ok_or("of which kind?")?;
            let frame = (kind, bytes(&rest[1..])?);
            match verb {
                "frame" => frames[number] = frame,
                _ => frames.insert(number, frame),
            }
        }
        "remove-frame" => drop(frames.remove(number)),
        "repeat-frames" => {
            let counts: Vec<usize> = rest.iter().filter_map(|word| word.parse().ok()).collect();
            let &[count, times] = counts.as_slice() else {
                return Err("how many, how often?".into());
            };
            let repeated = frames.get(number..number + count).ok_or("there are fewer")?;
            let copies: Vec<_> = repeated.iter().cycle().take(count * times).cloned().collect();
            drop(frames.splice(number..number, copies));
        }
        "set-frame" => {
            let payload = &mut frames[number].1;
            let at = rest.first().ok_or("at which place?")?;
            let (at, new) = (offset(at, payload.len(), &[])?, bytes(&rest[1..])?);
            payload.splice(at..(at + new.len()).min(payload.len()), new);
        }
        _ => replace(&mut frames[number].1, rest)?,
    }
    Ok(())
}

/// Puts in `BYTES -> BYTES` once, where the former stand.
pub(super) fn replace(content: &mut Vec<u8>, words: &[String]) -> Result<(), String> {
    let arrow = words.iter().position(|word| word == "->").ok_or("`->` is missing")?;
    let (from, to) = (bytes(&words[..arrow])?, bytes(&words[arrow + 1..])?);
    let at = content.windows(from.len().max(1)).position(|window| window == from);
    let at = at.ok_or_else(|| format!("{} is not there", String::from_utf8_lossy(&from)))?;
    content.splice(at..at + from.len(), to);
    Ok(())
}
