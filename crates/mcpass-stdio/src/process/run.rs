//! The life of a process, from its start to the last of its group.

use std::io::ErrorKind;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::process::Child;
use tokio::sync::{OnceCell, Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::end::{gently, kill_group};
use super::pipes::{self, MAX_MESSAGE, OutputEnd};
use super::{MAX_ASIDE, Process};
use crate::context::Context;
use crate::error::StdioError;
use crate::spec::Spec;
use crate::tools::Tools;
use crate::traffic::Traffic;
use crate::wire;

/// Messages that wait for a process to read.
const QUEUE: usize = 64;
/// How long a process that closes its output may take to end, and how long the rest of its pipes
/// may take to be read.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Characters of its last line that are told to callers.
const SHOWN: usize = 200;

/// Starts a process. To be called on the context's runtime.
pub(crate) fn spawn(context: &Arc<Context>) -> Result<Arc<Process>, StdioError> {
    let spec = &context.spec;
    let mut child = spec.command().spawn().map_err(|error| refused(spec, &error))?;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take(), child.id());
    let (Some(stdin), Some(stdout), Some(stderr), Some(pid)) = pipes else {
        let why = "the operating system gave no pipes".into();
        return Err(StdioError::Spawn { program: spec.program.as_str().into(), why });
    };
    let (input, lines) = mpsc::channel(QUEUE);
    let started = context.clock.monotonic();
    let process = Arc::new(Process {
        context: Arc::clone(context),
        pid,
        since: context.clock.now(),
        started,
        used: AtomicI64::new(started.as_micros()),
        traffic: Mutex::new(Traffic::default()),
        input,
        aside: Arc::new(Semaphore::new(MAX_ASIDE)),
        stop: context.stopping.child_token(),
        last_words: Mutex::default(),
        home: OnceLock::new(),
        opening: OnceLock::new(),
        initialized: OnceCell::new(),
        was_unused: AtomicBool::new(false),
        tools: Tools::default(),
    });
    context.starts.fetch_add(1, Ordering::Relaxed);
    let runtime = &context.runtime;
    let pipes = Pipes {
        input: runtime.spawn(pipes::write(stdin, lines)),
        output: runtime.spawn(pipes::read(Arc::clone(&process), stdout)),
        log: runtime.spawn(pipes::log(Arc::clone(&process), stderr)),
    };
    tracing::debug!(server = %context.name, pid, "started");
    context.tasks.spawn_on(supervise(Arc::clone(&process), child, pipes), runtime);
    Ok(process)
}

/// Says why a program could not be started.
fn refused(spec: &Spec, error: &std::io::Error) -> StdioError {
    if error.kind() == ErrorKind::NotFound {
        return match &spec.folder {
            Some(folder) if !folder.is_dir() => {
                StdioError::NoFolder(folder.to_string_lossy().into())
            }
            _ => StdioError::NoProgram(spec.program.as_str().into()),
        };
    }
    StdioError::Spawn { program: spec.program.as_str().into(), why: error.to_string().into() }
}

/// The tasks at the pipes of a process.
struct Pipes {
    input: JoinHandle<()>,
    output: JoinHandle<OutputEnd>,
    log: JoinHandle<()>,
}

impl Pipes {
    /// Lets the rest be read, for a bounded time: a process that has left its group may hold the
    /// pipes open for ever.
    async fn finish(mut self) {
        self.input.abort();
        let rest = async {
            if !self.output.is_finished() {
                let _ = (&mut self.output).await;
            }
            let _ = (&mut self.log).await;
        };
        let _ = tokio::time::timeout(LAST_WORDS, rest).await;
        self.output.abort();
        self.log.abort();
    }
}

/// Stays with a process until it and its group have ended, and tells why they did.
async fn supervise(process: Arc<Process>, mut child: Child, mut pipes: Pipes) {
    let why = tokio::select! {
        biased;
        () = process.stop.cancelled() => None,
        output = &mut pipes.output => Some(output_ended(&process, &mut child, output.ok()).await),
        status = child.wait() => Some(exited(status.ok())),
        () = process.unused() => None,
    };
    let Some(why) = why else {
        process.ended(None);
        pipes.input.abort();
        gently(&mut child, process.pid).await;
        pipes.finish().await;
        tracing::debug!(server = %process.context.name, pid = process.pid, "stopped");
        return;
    };
    // What it has started is of no use without it.
    kill_group(process.pid);
    pipes.finish().await;
    let last = process.last_words.lock().clone();
    let why = match last.as_str() {
        "" => why,
        last => format!("{why}; it last said: {}", wire::shown(last.as_bytes(), SHOWN)),
    };
    tracing::warn!(server = %process.context.name, pid = process.pid, why, "its process ended");
    process.ended(Some(&StdioError::Ended(why.into())));
    // It has been killed if it had not ended before.
    let _ = child.wait().await;
}

/// Its output has ended, after which it cannot say anything more. Most often it has, too.
async fn output_ended(process: &Process, child: &mut Child, end: Option<OutputEnd>) -> String {
    if matches!(end, Some(OutputEnd::TooLong)) {
        return format!("it wrote a line of more than {} MiB", MAX_MESSAGE >> 20);
    }
    tokio::select! {
        status = child.wait() => exited(status.ok()),
        () = process.stop.cancelled() => "it was being stopped".to_owned(),
        () = tokio::time::sleep(LAST_WORDS) => "it closed its standard output".to_owned(),
    }
}

fn exited(status: Option<ExitStatus>) -> String {
    status.map_or_else(|| "its exit status is not known".to_owned(), |status| status.to_string())
}
