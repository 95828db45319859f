//! `mcpass connect`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use mcpass_authority::servers::upstream;
use mcpass_domain::server::{ClientIdentity, HttpUpstream};
use mcpass_domain::{OsEntropy, ServerName, SystemClock};
use mcpass_gateway::upstream::circuit::Sources;
use mcpass_gateway::upstream::credentials::{self, SystemSecrets};
use mcpass_gateway::upstream::target::Origin;
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

use crate::config::{Environment, Span};
use crate::connect::client::Client;
use crate::connect::credential::{Credentials, TokenSource};
use crate::connect::problem::Complaints;
use crate::connect::{Bridge, End, stdio};
use crate::failure::Failure;
use mcpass_web::snippets;

use crate::{cli, output};

/// Where mcpass listens unless told otherwise.
const DEFAULT_URL: &str = "http://127.0.0.1:7788/mcp";
/// How long the last lines may take that nobody reads.
const LAST_LINES: Duration = Duration::from_secs(5);

/// `mcpass connect`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mcpass connect
  mcpass connect https://mcp.example.com/mcp --token-file ~/.config/mcpass/token
  mcpass connect github --token-command 'secret-tool lookup service mcpass'
  mcpass connect https://other.example.com/mcp --header 'X-Api-Key: ${env:OTHER_KEY}'

For a client that only speaks stdio: it starts this command as its server. The token comes from
MCPASS_TOKEN, a file that only you can read, or a command that asks the system's keyring, and
never from an argument. What is wrong is said on standard error, in one line.

Exit codes: 0 standard input ended or a signal asked for it, 1 there is no token where there should
be one or nobody reads standard output, 2 the command line cannot be used. A server that is away
does not end it: requests are answered with an error until it is back.")]
pub(crate) struct Args {
    /// The URL of a Streamable HTTP server, or the name of a server behind the mcpass on this
    /// machine
    #[arg(value_name = "URL|NAME", default_value = DEFAULT_URL)]
    target: String,
    /// A file with the token that nobody else can read
    #[arg(long, value_name = "FILE", conflicts_with = "token_command")]
    token_file: Option<PathBuf>,
    /// A command of the shell that prints the token, such as one that asks the system's keyring
    #[arg(long, value_name = "COMMAND")]
    token_command: Option<String>,
    /// A header for each request, `Name: value` with ${env:NAME} or ${file:PATH} for credentials;
    /// may be repeated
    #[arg(long = "header", value_name = "HEADER")]
    headers: Vec<String>,
    /// Certificates of the authorities that are trusted instead of the system's (PEM)
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The certificate that shows who this is, where the server asks for one (PEM)
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// The private key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
    /// How long connecting may take
    #[arg(long, value_name = "TIME", default_value_t = Span::seconds(5))]
    connect_timeout: Span,
    /// How long the beginning of an answer may take
    #[arg(long, value_name = "TIME", default_value_t = Span::seconds(300))]
    answer_timeout: Span,
}

/// Passes messages on until the client has no more.
///
/// # Errors
/// When the command line cannot be used, there is no token where there should be one, or nobody
/// reads what is written.
pub(crate) fn run(args: &Args, environment: &Environment) -> Result<(), Failure> {
    let upstream = args.upstream()?;
    let source = args.source(environment, &upstream)?;
    let others = credentials::resolve(&upstream.headers, &SystemSecrets)
        .map_err(|error| Failure::usage(error.to_string()))?;
    let origin = Origin::new(&upstream).map_err(|error| Failure::usage(error.to_string()))?;
    let clock = Arc::new(SystemClock::new());
    let sources = Sources { clock, entropy: Arc::new(OsEntropy) };
    let (out, writer) = stdio::write(std::io::stdout());
    let end = cli::in_runtime(async {
        let credentials = read(source, others).await?;
        let client = Client::new(origin, credentials, sources);
        let complaints = Complaints::new(output::note);
        if let Some(warning) = warning(&upstream, &client) {
            complaints.say(&warning);
        }
        let bridge = Arc::new(Bridge::new(client, out, complaints));
        let stop = stop_signal()?;
        Ok(bridge.run(stdio::read(std::io::stdin()), stop).await)
    })?;
    match end {
        End::InputEnded | End::Stopped => {
            writer.finish(LAST_LINES);
            Ok(())
        }
        End::OutputGone => Err(Failure::silent()),
    }
}

async fn read(source: TokenSource, others: HeaderMap) -> Result<Credentials, Failure> {
    Credentials::read(source, others).await.map_err(|error| Failure::new(error.to_string()))
}

impl Args {
    /// The server and how to reach it, by the rules of `mcpass server add`.
    fn upstream(&self) -> Result<HttpUpstream, Failure> {
        let mut http = HttpUpstream::new(self.url()?);
        http.headers = headers(&self.headers)?;
        http.connect_timeout = self.connect_timeout.0;
        http.first_byte_timeout = self.answer_timeout.0;
        http.ca_file = self.ca.as_deref().map(absolute).transpose()?;
        if let (Some(certificate), Some(key)) = (&self.client_cert, &self.client_key) {
            let (certificate, key) = (absolute(certificate)?, absolute(key)?);
            http.client_identity = Some(ClientIdentity { certificate, key });
        }
        Ok(upstream::check(http)?)
    }

    fn url(&self) -> Result<String, Failure> {
        if self.target.contains("://") {
            return Ok(self.target.clone());
        }
        match self.target.parse::<ServerName>() {
            Ok(name) => Ok(format!("{DEFAULT_URL}/{name}")),
            Err(_) => Err(Failure::usage("that is neither a URL nor the name of a server")
                .with_hint("write a URL with its http:// or https://, such as https://host/mcp")),
        }
    }

    /// Where the token is. A header that says it all leaves the environment out of it: it may have
    /// a token of another server.
    fn source(
        &self,
        environment: &Environment,
        upstream: &HttpUpstream,
    ) -> Result<TokenSource, Failure> {
        let is_in_header = upstream.headers.contains_key("authorization");
        let named = match (&self.token_file, &self.token_command) {
            (Some(path), _) => Some(TokenSource::File(in_home(path, environment)?)),
            (None, Some(command)) => Some(TokenSource::Command(command.clone())),
            (None, None) => None,
        };
        if let Some(named) = named {
            if is_in_header {
                return Err(Failure::usage(
                    "the token is given twice: as a header and by an option",
                )
                .with_hint("leave one of them out"));
            }
            return Ok(named);
        }
        if is_in_header {
            return Ok(TokenSource::None);
        }
        let token = environment
            .text(snippets::VARIABLE)
            .map_err(|error| Failure::new(format!("MCPASS_TOKEN cannot be used: {error}")))?;
        Ok(match token {
            Some(token) => TokenSource::Given(Zeroizing::new(token.to_owned())),
            None => TokenSource::None,
        })
    }
}

/// A client that starts a program without a shell leaves `~/` as it stands.
fn in_home(path: &Path, environment: &Environment) -> Result<PathBuf, Failure> {
    let Ok(rest) = path.strip_prefix("~") else {
        return Ok(path.to_owned());
    };
    match environment.text("HOME") {
        Ok(Some(home)) => Ok(Path::new(home).join(rest)),
        _ => Err(Failure::usage("`~` means nothing here, because HOME is not set")
            .with_hint("write the whole path of the token file")),
    }
}

fn absolute(path: &Path) -> Result<String, Failure> {
    let path = std::path::absolute(path)
        .map_err(|error| Failure::usage(format!("{} is no path: {error}", path.display())))?;
    Ok(path.display().to_string())
}

/// What is wrong with a header is said without its value, which may be a credential.
pub(crate) fn headers(texts: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let one = |text: &String| {
        let (name, value) = text.split_once(':').ok_or_else(|| {
            Failure::usage("a header has no colon").with_hint("write it as `Name: value`")
        })?;
        Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
    };
    texts.iter().map(one).collect()
}

/// A token that everybody on the way can read.
fn warning(upstream: &HttpUpstream, client: &Client) -> Option<String> {
    let uri: http::Uri = upstream.url.parse().ok()?;
    let host = uri.host()?.trim_matches(['[', ']']);
    let is_here = host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    let is_plain = uri.scheme_str() == Some("http");
    (is_plain && !is_here && client.asked().has_token)
        .then(|| format!("the token goes to {host} unencrypted; use https:// if the server can"))
}

/// Ends when somebody asks this process to end.
fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let broken =
        |error: std::io::Error| Failure::new(format!("signals cannot be received: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(broken)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(broken)?;
    Ok(async move {
        tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn args(words: &[&str]) -> Args {
        let words = std::iter::once(&"connect").chain(words);
        <Command as clap::Parser>::try_parse_from(words).unwrap().args
    }

    #[test]
    fn a_name_means_the_mcpass_on_this_machine() {
        assert_eq!(args(&[]).url().unwrap(), "http://127.0.0.1:7788/mcp");
        assert_eq!(args(&["github"]).url().unwrap(), "http://127.0.0.1:7788/mcp/github");
        assert_eq!(args(&["https://x/y"]).url().unwrap(), "https://x/y");
        assert!(args(&["example.com/mcp"]).url().is_err());
    }

    #[test]
    fn a_header_or_an_option_keeps_the_environment_out() {
        let environment: Environment =
            [("MCPASS_TOKEN", "t0ken"), ("HOME", "/ana")].into_iter().collect();
        let source = |words: &[&str]| {
            let args = args(words);
            args.source(&environment, &args.upstream()?)
        };
        let given = TokenSource::Given(Zeroizing::new("t0ken".to_owned()));
        assert_eq!(source(&[]).unwrap(), given);
        assert_eq!(source(&["--header", "X-Key: ${env:KEY}"]).unwrap(), given);
        let header = ["--header", "Authorization: Bearer ${env:KEY}"];
        assert_eq!(source(&header).unwrap(), TokenSource::None);
        let file = source(&["--token-file", "/t"]).unwrap();
        assert_eq!(file, TokenSource::File("/t".into()));
        let at_home = source(&["--token-file", "~/t"]).unwrap();
        assert_eq!(at_home, TokenSource::File("/ana/t".into()));
        assert!(source(&[&header[..], &["--token-file", "/t"]].concat()).is_err());
    }

    #[test]
    fn a_credential_written_out_is_refused_and_not_repeated() {
        for words in [
            &["--header", "Authorization: Bearer s3cret-s3cret-s3cret-s3cret"][..],
            &["http://user:s3cret@host/mcp"],
            &["--header", "s3cret"],
        ] {
            let failure = args(words).upstream().unwrap_err();
            assert!(!failure.to_string().contains("s3cret"), "{failure}");
        }
    }
}
