//! No record, no access: what happens when nothing can be written.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::postgres::PrivatePostgres;
use mcpass_testkit::{Answer, Issued, wire};

use crate::{GENEROUS, Setup, UP, mcpass};

async fn call(setup: &Setup, token: &Issued, marker: &str) -> Result<Answer> {
    setup.mcpass.post(UP, Some(&token.token), &wire::call("look", marker)).await
}

/// Waits until calls are refused, then checks that none of many is forwarded; ends the fault and
/// waits until calls work again, without a restart.
async fn refuses_and_recovers(
    setup: &Setup,
    token: &Issued,
    mend: impl AsyncFnOnce() -> Result<()>,
) -> Result<()> {
    let refused = eventually("calls are refused with 503", async || {
        let answer = call(setup, token, "during").await?;
        Ok((answer.status == 503).then_some(answer))
    })
    .await?;
    ensure!(refused.header("retry-after").is_some(), "{}", refused.shown());
    ensure!(refused.json()?["id"] == "during", "the id is echoed: {}", refused.shown());
    let before = setup.upstream.markers().len();
    for number in 0..50 {
        let answer = call(setup, token, &format!("refused-{number}")).await?;
        ensure!(answer.status == 503, "{}", answer.shown());
    }
    ensure!(setup.upstream.markers().len() == before, "something was forwarded without a record");
    eventually("/readyz says so", async || {
        let ready = wire::get(setup.mcpass.address()?, "/readyz").await?;
        Ok((ready.status == 503).then_some(()))
    })
    .await?;
    let health = wire::get(setup.mcpass.address()?, "/healthz").await?;
    ensure!(health.status == 200, "a restart would not help: {}", health.shown());

    mend().await?;
    let works = eventually("calls work again", async || {
        let answer = call(setup, token, "after").await?;
        ensure!(answer.status == 200, "{}", answer.shown());
        Ok(Some(()))
    });
    works.await.with_context(|| setup.mcpass.output())?;
    eventually("/readyz agrees", async || {
        let ready = wire::get(setup.mcpass.address()?, "/readyz").await?;
        Ok((ready.status == 200).then_some(()))
    })
    .await?;
    let rows = setup.mcpass.log().await?;
    for marker in setup.upstream.markers() {
        ensure!(crate::rows_of(&rows, &marker).next().is_some(), "{marker} has no row");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_database_stops_access_until_it_is_back() -> Result<()> {
    let postgres = PrivatePostgres::start()?;
    let setup = Setup::start_with(mcpass()?.with_database(&postgres.create_database()?)).await?;
    let token = setup.mcpass.token("t", &["up.*"], GENEROUS).await?;
    ensure!(call(&setup, &token, "before").await?.status == 200);
    postgres.kill()?;
    refuses_and_recovers(&setup, &token, async || postgres.start_again()).await
}

/// Sets the soft limit of the size of files that a process writes.
fn limit_file_size(pid: u32, limit: &str) -> Result<()> {
    let status = Command::new("prlimit")
        .args(["--pid", &pid.to_string(), &format!("--fsize={limit}:unlimited")])
        .status()
        .context("prlimit")?;
    ensure!(status.success(), "prlimit fails");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_written_stops_access_until_it_can() -> Result<()> {
    // A file size limit makes every write fail at any moment one likes. Its signal has to be
    // ignored for the write to answer an error, as on a full disk.
    let mcpass = mcpass()?.with_wrapper(&["env", "--ignore-signal=XFSZ"]);
    let setup = Setup::start_with(mcpass).await?;
    let token = setup.mcpass.token("t", &["up.*"], GENEROUS).await?;
    ensure!(call(&setup, &token, "before").await?.status == 200);
    let pid = setup.mcpass.pid()?;
    limit_file_size(pid, "1")?;
    refuses_and_recovers(&setup, &token, async || limit_file_size(pid, "unlimited")).await
}

/// A small file system in memory, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts 16 MiB at `path`; none where this is not allowed.
    fn mount(path: &Path) -> Result<Option<Self>> {
        std::fs::create_dir_all(path)?;
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16m", "mcpass-test"])
            .arg(path)
            .stderr(std::process::Stdio::null())
            .status()?;
        Ok(status.success().then(|| Self(path.to_owned())))
    }

    /// Writes a file until there is no room left, and answers its path.
    fn fill(&self) -> Result<PathBuf> {
        use std::io::Write as _;
        let path = self.0.join("filler");
        let mut file = std::fs::File::create(&path)?;
        for size in [1 << 20, 4096, 1] {
            let block = vec![0_u8; size];
            while file.write_all(&block).is_ok() {}
        }
        Ok(path)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the server that holds files there may still be ending.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
        let _ = self.0.parent().map(std::fs::remove_dir);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_access_until_there_is_room() -> Result<()> {
    let mcpass = mcpass()?;
    let Some(disk) = SmallDisk::mount(&mcpass.data())? else {
        eprintln!("not tested: mounting a small disk needs root (the file size limit was tested)");
        return Ok(());
    };
    std::fs::set_permissions(mcpass.data(), std::fs::Permissions::from_mode(0o700))?;
    let setup = Setup::start_with(mcpass).await?;
    let token = setup.mcpass.token("t", &["up.*"], GENEROUS).await?;
    ensure!(call(&setup, &token, "before").await?.status == 200);
    let filler = disk.fill()?;
    refuses_and_recovers(&setup, &token, async || Ok(std::fs::remove_file(&filler)?)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_record_from_the_start_does_not_serve() -> Result<()> {
    let mut mcpass = mcpass()?;
    // A file where the data folder has to be.
    std::fs::write(mcpass.data(), "in the way")?;
    let error = mcpass.start().await.err().context("it must not start")?;
    assert!(format!("{error:#}").contains("error:"), "and says why: {error:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_refused_while_the_database_is_away_and_lost_by_nobody() -> Result<()> {
    let postgres = PrivatePostgres::start()?;
    let setup = Setup::start_with(mcpass()?.with_database(&postgres.create_database()?)).await?;
    let token = setup.mcpass.token("t", &["up.*"], GENEROUS).await?;
    postgres.kill()?;
    let revoke = setup.mcpass.command(&["token", "revoke", &token.id]).await?;
    assert_ne!(revoke.code, Some(0), "it must not say that it worked: {}", revoke.stdout);
    assert!(revoke.stderr.contains("error:"), "{}", revoke.stderr);
    postgres.start_again()?;
    eventually("revoking works again", async || {
        let revoke = setup.mcpass.command(&["token", "revoke", &token.id]).await?;
        Ok((revoke.code == Some(0)).then_some(()))
    })
    .await?;
    let before = setup.upstream.markers().len();
    eventually("the token is refused for the true reason", async || {
        let answer = call(&setup, &token, "later").await?;
        Ok((answer.status == 401).then_some(()))
    })
    .await?;
    assert_eq!(setup.upstream.markers().len(), before, "it was never let through meanwhile");
    Ok(())
}
