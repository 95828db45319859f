//! What the bridge shows the server: the token and other headers, never from an argument.

use std::fmt;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use parking_lot::Mutex;
use tokio::time::Instant;
use zeroize::Zeroizing;

/// Bytes of a token at most.
const MAX_TOKEN: u64 = 16 * 1024;
/// How long the command may take that gives the token: a keyring may ask a person first.
const COMMAND_TIMEOUT: Duration = Duration::from_mins(2);
/// How long a token that was refused is not asked for again.
const PAUSE: Duration = Duration::from_secs(10);

/// Where the token is.
#[derive(Clone, Eq, PartialEq)]
pub(crate) enum TokenSource {
    /// There is none: the server needs none, or a header has it.
    None,
    /// In the environment, which was read.
    Given(Zeroizing<String>),
    /// In a file that nobody else can read.
    File(PathBuf),
    /// What this command of the shell prints, such as one that asks the system's keyring.
    Command(String),
}

/// Where it is, but not what it is.
impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Given(_) => f.write_str("Given"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Command(_) => f.write_str("Command"),
        }
    }
}

/// No token where there should be one. Never holds it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// The file cannot be read.
    #[error("the token file {} cannot be read: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others can read the file.
    #[error("the token file {} can be read by others; run: chmod 600 {}", .0.display(), .0.display())]
    Open(PathBuf),
    /// Not one line that a header can hold.
    #[error("{0} holds no token: it must be one line of visible characters")]
    Shape(&'static str),
    /// The command did not print one.
    #[error("the command of --token-command {0}")]
    Command(String),
}

impl TokenSource {
    /// The `Authorization` header, if there is a token.
    ///
    /// # Errors
    /// When there should be one and is not.
    async fn read(&self) -> Result<Option<HeaderValue>, TokenError> {
        let (token, place) = match self {
            Self::None => return Ok(None),
            Self::Given(token) => (token.clone(), "MCPASS_TOKEN"),
            Self::File(path) => (of_file(path)?, "the token file"),
            Self::Command(command) => (of_command(command).await?, "the command's output"),
        };
        bearer(&token).map(Some).ok_or(TokenError::Shape(place))
    }

    /// Whether what it gives may be another token later.
    const fn may_change(&self) -> bool {
        matches!(self, Self::File(_) | Self::Command(_))
    }
}

fn bearer(token: &str) -> Option<HeaderValue> {
    let token = token.trim();
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let text = is_token.then(|| Zeroizing::new(format!("Bearer {token}")))?;
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn of_file(path: &Path) -> Result<Zeroizing<String>, TokenError> {
    use std::io::Read as _;

    let fail = |source| TokenError::File { path: path.to_owned(), source };
    // Without waiting: a path may name a pipe that nobody writes to.
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let mut options = std::fs::OpenOptions::new();
    let file = options.read(true).custom_flags(nonblocking).open(path).map_err(fail)?;
    // Of the file that was opened, not of what has the name by now.
    let metadata = file.metadata().map_err(fail)?;
    if metadata.is_file() && metadata.mode() & 0o077 != 0 {
        return Err(TokenError::Open(path.to_owned()));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_TOKEN).read_to_string(&mut text).map_err(fail)?;
    Ok(text)
}

async fn of_command(command: &str) -> Result<Zeroizing<String>, TokenError> {
    let fail = |why: String| TokenError::Command(why);
    let mut shell = tokio::process::Command::new("/bin/sh");
    // Standard input is the client's, and what the command complains of belongs into the log.
    shell.arg("-c").arg(command).stdin(Stdio::null()).stdout(Stdio::piped());
    let child = shell.kill_on_drop(true).spawn();
    let child = child.map_err(|error| fail(format!("cannot be run: {error}")))?;
    let output = tokio::time::timeout(COMMAND_TIMEOUT, child.wait_with_output()).await;
    let output = output
        .map_err(|_| fail(format!("takes more than {} s", COMMAND_TIMEOUT.as_secs())))?
        .map_err(|error| fail(format!("cannot be read: {error}")))?;
    if !output.status.success() {
        return Err(fail(format!("failed ({})", output.status)));
    }
    match String::from_utf8(output.stdout) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(_) => Err(TokenError::Shape("the command's output")),
    }
}

/// All headers that say who the bridge is.
#[derive(Debug)]
pub(crate) struct Credentials {
    others: HeaderMap,
    source: TokenSource,
    current: Mutex<Current>,
    renewing: tokio::sync::Mutex<Option<Instant>>,
}

#[derive(Debug)]
struct Current {
    token: Option<HeaderValue>,
    generation: u64,
}

impl Credentials {
    /// Reads the token for the first time. `others` are headers besides.
    ///
    /// # Errors
    /// When there should be a token and is none.
    pub(crate) async fn read(source: TokenSource, others: HeaderMap) -> Result<Self, TokenError> {
        let token = source.read().await?;
        let current = Mutex::new(Current { token, generation: 0 });
        Ok(Self { others, source, current, renewing: tokio::sync::Mutex::default() })
    }

    /// Whether there is anything to show.
    pub(crate) fn are_there(&self) -> bool {
        self.current.lock().token.is_some() || self.others.contains_key(header::AUTHORIZATION)
    }

    /// Adds them to the headers of a request.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.others {
            headers.insert(name, value.clone());
        }
        if let Some(token) = self.current.lock().token.clone() {
            headers.insert(header::AUTHORIZATION, token);
        }
    }

    /// Which token [`Credentials::add_to`] adds now: grows with each other one.
    pub(crate) fn generation(&self) -> u64 {
        self.current.lock().generation
    }

    /// After a refusal: reads the token again where it is kept, and says whether it is another one
    /// than that of `generation`. So a rotated token is taken up without a restart.
    pub(crate) async fn renew(&self, generation: u64) -> bool {
        if !self.source.may_change() {
            return false;
        }
        let mut last = self.renewing.lock().await;
        if self.generation() != generation {
            return true;
        }
        if last.is_some_and(|last| last.elapsed() < PAUSE) {
            return false;
        }
        *last = Some(Instant::now());
        // One that cannot be read is no better than the one that was refused.
        let Ok(Some(token)) = self.source.read().await else { return false };
        let mut current = self.current.lock();
        if current.token.as_ref() == Some(&token) {
            return false;
        }
        current.token = Some(token);
        current.generation = current.generation.saturating_add(1);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn write(path: &Path, text: &str, mode: u32) {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    async fn header(source: TokenSource) -> Result<String, TokenError> {
        let credentials = Credentials::read(source, HeaderMap::new()).await?;
        assert!(!format!("{credentials:?}").contains("s3cret"));
        let mut headers = HeaderMap::new();
        credentials.add_to(&mut headers);
        Ok(headers[header::AUTHORIZATION].to_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn a_token_comes_from_each_of_its_places() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        write(&path, "s3cret\n", 0o600);
        let given = TokenSource::Given(Zeroizing::new(" s3cret\n".to_owned()));
        assert_eq!(header(given).await.unwrap(), "Bearer s3cret");
        assert_eq!(header(TokenSource::File(path)).await.unwrap(), "Bearer s3cret");
        let command = TokenSource::Command("printf 's3cret\\n'".to_owned());
        assert_eq!(header(command).await.unwrap(), "Bearer s3cret");
    }

    #[tokio::test]
    async fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        for mode in [0o604, 0o640, 0o666] {
            write(&path, "s3cret", mode);
            let error = header(TokenSource::File(path.clone())).await.unwrap_err().to_string();
            assert!(error.contains("run: chmod 600") && !error.contains("s3cret"), "{error}");
        }
    }

    #[tokio::test]
    async fn what_is_no_token_is_not_repeated() {
        for text in ["", " ", "two words", "two\nlines", "t\u{fc}r"] {
            let source = TokenSource::Given(Zeroizing::new(text.to_owned()));
            let error = header(source).await.unwrap_err().to_string();
            assert!(error.starts_with("MCPASS_TOKEN holds no token"), "{error}");
        }
        let failed = TokenSource::Command("echo s3cret; exit 3".to_owned());
        let error = header(failed).await.unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && !error.contains("s3cret"), "{error}");
        let missing = TokenSource::File("/nonexistent/token".into());
        assert!(header(missing).await.unwrap_err().to_string().contains("/nonexistent/token"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_rotated_token_is_taken_up_after_a_refusal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        write(&path, "first", 0o600);
        let source = TokenSource::File(path.clone());
        let credentials = Credentials::read(source, HeaderMap::new()).await.unwrap();
        assert!(!credentials.renew(0).await, "it is the same");
        write(&path, "second", 0o600);
        assert!(!credentials.renew(0).await, "it was just asked for");
        tokio::time::advance(PAUSE).await;
        assert!(credentials.renew(0).await);
        assert!(credentials.renew(0).await, "whoever still had the first one tries again");
        assert!(!credentials.renew(credentials.generation()).await);
        let mut headers = HeaderMap::new();
        credentials.add_to(&mut headers);
        assert_eq!(headers[header::AUTHORIZATION], "Bearer second");
    }
}
