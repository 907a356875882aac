//! Objects in a bucket of S3, or of what speaks its protocol.
//!
//! An object is created by a conditional put (`If-None-Match: *`). A server that says that
//! the object is there already may mean this very put, tried again after its answer was lost, or
//! one that lost a race and left nothing; so it is read back then: what is equal is done, what is
//! absent is tried again, and what differs stays.

use std::future::Future;
use std::io;
use std::time::{Duration, Instant};

use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut};
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, Error, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode,
    PutOptions, RetryConfig,
};
use tokio::runtime::{Builder, Runtime};

use super::{Creation, Listed, Objects, ObjectsError, check_name};

/// How often an object is tried to be created of which it is said that it is there, and is not.
const TRIES_MAX: usize = 8;
/// How long a request may take.
const REQUEST_SECONDS: u64 = 300;
/// How long a request is tried again.
const RETRY_SECONDS: u64 = 20;

/// Holds objects below a prefix of a bucket. Whatever the environment says of AWS (`AWS_REGION`,
/// `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, ...) is taken as its own tools take it.
#[derive(Debug)]
pub struct S3 {
    store: AmazonS3,
    runtime: Runtime,
    prefix: String,
    place: String,
}

impl S3 {
    /// Opens `s3://BUCKET/PREFIX`. Nothing is asked of the server yet.
    pub fn open(place: &str) -> Result<Self, ObjectsError> {
        let refuse = |problem: String| ObjectsError::Place { place: place.into(), problem };
        let rest = place.strip_prefix("s3://").unwrap_or_default().trim_end_matches('/');
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(refuse("write it as s3://BUCKET/PREFIX".into()));
        }
        if !prefix.is_empty() {
            check_name(prefix)?;
        }
        // An error says that another part of the process has chosen, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let retry = RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(50),
                max_backoff: Duration::from_secs(5),
                base: 2.0,
            },
            max_retries: 20,
            retry_timeout: Duration::from_secs(RETRY_SECONDS),
        };
        let endpoint = std::env::var("AWS_ENDPOINT_URL").unwrap_or_default();
        let client = ClientOptions::new()
            .with_timeout(Duration::from_secs(REQUEST_SECONDS))
            .with_allow_http(is_loopback(&endpoint) || allows_http());
        let builder = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_client_options(client)
            .with_retry(retry)
            .with_conditional_put(S3ConditionalPut::ETagMatch);
        let store = builder.build().map_err(|error| refuse(error.to_string()))?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| refuse(error.to_string()))?;
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Self { store, runtime, prefix, place: format!("s3://{rest}") })
    }

    fn path(&self, name: &str) -> Result<Path, ObjectsError> {
        check_name(name)?;
        Ok(Path::from(format!("{}{name}", self.prefix)))
    }

    fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Lists at most so many objects.
    fn listed(&self, folder: &Path, limit: usize) -> Result<Vec<ObjectMeta>, Error> {
        use futures_util::StreamExt;

        let folder = (!folder.as_ref().is_empty()).then_some(folder);
        let mut stream = self.store.list(folder);
        let mut listed = Vec::new();
        while listed.len() < limit
            && let Some(found) = self.wait(stream.next())
        {
            listed.push(found?);
        }
        Ok(listed)
    }

    /// Asks again where an answer was cut, or says what none should to a reader: the library
    /// itself asks again only where a server is in trouble.
    fn again<T>(&self, ask: impl Fn() -> Result<T, Error>) -> Result<T, Error> {
        let started = Instant::now();
        let mut pause = Duration::from_millis(20);
        loop {
            match ask() {
                Err(error) if may_pass(&error) && started.elapsed().as_secs() < RETRY_SECONDS => {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_secs(2));
                }
                answered => return answered,
            }
        }
    }

    /// Compares what lies there with what was to be created; none if nothing does.
    fn compared(&self, name: &str, bytes: &[u8]) -> Result<Option<Creation>, ObjectsError> {
        let Some(there) = self.byte_len(name)? else { return Ok(None) };
        if there != bytes.len() as u64 {
            return Ok(Some(Creation::Other));
        }
        let mut found = vec![0; bytes.len()];
        self.read_at(name, 0, &mut found)?;
        Ok(Some(if found == bytes { Creation::Same } else { Creation::Other }))
    }
}

/// On this very machine nobody else can listen.
fn is_loopback(endpoint: &str) -> bool {
    let host = endpoint.strip_prefix("http://").unwrap_or_default();
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|known| {
        host.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    })
}

fn allows_http() -> bool {
    std::env::var("AWS_ALLOW_HTTP").is_ok_and(|value| value.eq_ignore_ascii_case("true"))
}

/// Says whether the same request may get another answer.
fn may_pass(error: &Error) -> bool {
    use Error::{InvalidPath, NotFound, PermissionDenied, Unauthenticated};
    !matches!(
        error,
        NotFound { .. } | InvalidPath { .. } | PermissionDenied { .. } | Unauthenticated { .. }
    )
}

fn refused(name: &str, error: Error) -> ObjectsError {
    let missing = matches!(error, Error::NotFound { .. });
    match missing {
        true => ObjectsError::Missing { name: name.into() },
        false => ObjectsError::Io { name: name.into(), problem: io::Error::other(said(&error)) },
    }
}

/// An error of the library has its reasons inside.
fn said(error: &Error) -> String {
    let mut said = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let text = inner.to_string();
        if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        source = inner.source();
    }
    said
}

impl Objects for S3 {
    fn create(&self, name: &str, bytes: &[u8]) -> Result<Creation, ObjectsError> {
        let path = self.path(name)?;
        let mut last = None;
        for attempt in 0..TRIES_MAX {
            if attempt > 0 {
                std::thread::sleep(Duration::from_millis(20 << attempt));
            }
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            let put = self.store.put_opts(&path, bytes.to_vec().into(), options);
            match self.wait(put) {
                Ok(_) => return Ok(Creation::New),
                Err(error @ (Error::AlreadyExists { .. } | Error::Precondition { .. })) => {
                    if let Some(found) = self.compared(name, bytes)? {
                        return Ok(found);
                    }
                    last = Some(error);
                }
                Err(error) => return Err(refused(name, error)),
            }
        }
        let problem = last.map(|error| said(&error)).unwrap_or_default();
        let problem = format!("the server says that it is there, and it is not: {problem}");
        Err(ObjectsError::Io { name: name.into(), problem: io::Error::other(problem) })
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), ObjectsError> {
        let path = self.path(name)?;
        let put = self.store.put(&path, bytes.to_vec().into());
        self.wait(put).map(drop).map_err(|error| refused(name, error))
    }

    fn byte_len(&self, name: &str) -> Result<Option<u64>, ObjectsError> {
        let path = self.path(name)?;
        match self.again(|| self.wait(self.store.head(&path))) {
            Ok(found) => Ok(Some(found.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(refused(name, error)),
        }
    }

    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<(), ObjectsError> {
        if buffer.is_empty() {
            return Ok(());
        }
        let path = self.path(name)?;
        let short =
            || ObjectsError::Io { name: name.into(), problem: io::ErrorKind::UnexpectedEof.into() };
        let end = offset.checked_add(buffer.len() as u64).ok_or_else(short)?;
        let found = self.again(|| self.wait(self.store.get_range(&path, offset..end)));
        let found = found.map_err(|error| refused(name, error))?;
        // A server may give less, or more, than it was asked for.
        if found.len() != buffer.len() {
            return Err(short());
        }
        buffer.copy_from_slice(&found);
        Ok(())
    }

    fn list(&self, prefix: &str, limit: usize) -> Result<Vec<Listed>, ObjectsError> {
        let whole = format!("{}{prefix}", self.prefix);
        let path = Path::from(whole.trim_end_matches('/'));
        let found = self.again(|| self.listed(&path, limit.saturating_add(1)));
        let found = found.map_err(|error| refused(prefix, error))?;
        let mut listed = Vec::new();
        for found in found {
            // A server may name what nobody has asked for.
            let Some(name) = found.location.as_ref().strip_prefix(&self.prefix) else { continue };
            if !name.starts_with(prefix) || check_name(name).is_err() {
                continue;
            }
            if listed.len() == limit {
                return Err(ObjectsError::TooMany { prefix: prefix.into(), limit });
            }
            listed.push(Listed { name: name.into(), bytes: found.size });
        }
        listed.sort();
        Ok(listed)
    }

    fn remove(&self, name: &str) -> Result<(), ObjectsError> {
        let path = self.path(name)?;
        match self.wait(self.store.delete(&path)) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(refused(name, error)),
        }
    }

    fn place(&self) -> String {
        self.place.clone()
    }
}
