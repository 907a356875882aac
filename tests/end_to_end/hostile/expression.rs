//! Bytes and places, as a case spells them.

/// Splits a line at its blanks, but not within quotes.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for letter in line.chars() {
        if letter == ' ' && !quoted {
            words.push(String::new());
            continue;
        }
        quoted ^= letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        words.last_mut().unwrap().push(letter);
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Joins pieces, each of which may be repeated: `"["*500 xff00 u64:7 t"name"`.
pub(super) fn bytes(pieces: &[String]) -> Result<Vec<u8>, String> {
    let mut joined = Vec::new();
    for piece in pieces {
        let (one, times) = match piece.rsplit_once('*') {
            Some((one, times)) if !times.contains('"') => (one, times.parse().ok()),
            _ => (piece.as_str(), Some(1)),
        };
        let times = times.ok_or_else(|| format!("`{piece}` is repeated how often?"))?;
        joined.extend(self::piece(one)?.repeat(times));
    }
    Ok(joined)
}

fn piece(text: &str) -> Result<Vec<u8>, String> {
    let refuse = || format!("`{text}` spells no bytes");
    if let Some(quoted) = text.strip_prefix('"') {
        return unescaped(quoted.strip_suffix('"').ok_or_else(refuse)?);
    }
    if let Some(quoted) = text.strip_prefix("t\"") {
        // A text of a frame: its length first.
        let content = unescaped(quoted.strip_suffix('"').ok_or_else(refuse)?)?;
        return Ok([&(content.len() as u64).to_le_bytes(), &content[..]].concat());
    }
    if let Some(number) = text.strip_prefix("u64:") {
        return Ok(number.parse::<u64>().map_err(|_| refuse())?.to_le_bytes().into());
    }
    if let Some(number) = text.strip_prefix("u32:") {
        return Ok(number.parse::<u32>().map_err(|_| refuse())?.to_le_bytes().into());
    }
    hex(text.strip_prefix('x').ok_or_else(refuse)?).ok_or_else(refuse)
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    pairs.map(|pair| u8::from_str_radix(pair.filter(|pair| pair.len() == 2)?, 16).ok()).collect()
}

/// Knows `\n`, `\r`, `\\`, `\"` and `\xHH`.
fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            content.extend(letter.to_string().bytes());
            continue;
        }
        match letters.next() {
            Some('n') => content.push(b'\n'),
            Some('r') => content.push(b'\r'),
            Some('x') => {
                let digits: String = letters.by_ref().take(2).collect();
                content.extend(hex(&digits).ok_or("`\\x` without two digits")?);
            }
            Some(letter @ ('\\' | '"')) => content.push(letter as u8),
            _ => return Err(format!("an unknown escape in `{text}`")),
        }
    }
    Ok(content)
}

/// Reads a place in an object: `12`, `end-1`, or `frame3+4` in a journal.
pub(super) fn offset(text: &str, byte_len: usize, frames: &[usize]) -> Result<usize, String> {
    let refuse = || format!("`{text}` is no place there");
    let number = |digits: &str| digits.parse::<usize>().map_err(|_| refuse());
    if let Some(back) = text.strip_prefix("end") {
        let back = back.strip_prefix('-').map_or(Ok(0), number)?;
        return byte_len.checked_sub(back).ok_or_else(refuse);
    }
    let Some(place) = text.strip_prefix("frame") else { return number(text) };
    let (frame, more) = place.split_once('+').unwrap_or((place, "0"));
    let start = frames.get(number(frame)?).ok_or_else(refuse)?;
    Ok(start + number(more)?)
}
