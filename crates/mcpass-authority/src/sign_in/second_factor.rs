//! Second factors: begun, confirmed by a first code, taken away again.

use mcpass_domain::time::NoEntropy;
use mcpass_domain::{
    Credentials, Entropy, Password, PasswordHash, SecretDigest, SignInMethod, Timestamp, Totp,
    TotpKey, UserId,
};
use mcpass_store::{Change, SignInChange};
use serde_json::json;
use zeroize::Zeroizing;

use super::{OpenSession, Visitor, totp};
use crate::api::{ApiError, Plaintext, RecoveryCodes, TotpEnrolment};
use crate::authority::Authority;
use crate::authorize::Action;
use crate::failure::{no_entropy, store_failed};
use crate::turn::{Plan, Turn};

/// Recovery codes that are made at a time.
const CODES: usize = 10;
/// Random bytes of a recovery code: 80 bits, 16 characters of base32.
const CODE_BYTES: usize = 10;
/// What authenticators show the account under.
const ISSUER: &str = "mcpass";

/// Takes a code: of the authenticator, or a recovery code. Answers the factor without it, and how
/// somebody signs in with it.
pub(super) fn take(
    held: Option<&Totp>,
    code: &Password,
    now: Timestamp,
) -> Option<(Totp, SignInMethod)> {
    let held = held?;
    if let Some(step) = totp::find(&held.key, code.expose(), now, held.last_step) {
        return Some((Totp { last_step: step, ..held.clone() }, SignInMethod::Totp));
    }
    let digest = SecretDigest::of(plain(code.expose()).as_bytes());
    if !held.recovery.contains(&digest) {
        return None;
    }
    let recovery = held.recovery.iter().filter(|one| **one != digest).copied().collect();
    Some((Totp { recovery, ..held.clone() }, SignInMethod::Recovery))
}

/// A recovery code as it was made, however it was typed.
fn plain(code: &str) -> Zeroizing<String> {
    let kept = code.chars().filter(char::is_ascii_alphanumeric);
    Zeroizing::new(kept.map(|c| c.to_ascii_uppercase()).collect())
}

/// One recovery code: 16 characters of base32 in fours.
fn recovery_code(entropy: &dyn Entropy) -> Result<Plaintext, NoEntropy> {
    let mut bytes = Zeroizing::new([0_u8; CODE_BYTES]);
    entropy.fill(bytes.as_mut_slice())?;
    let all = Zeroizing::new(data_encoding::BASE32_NOPAD.encode(bytes.as_slice()));
    let mut text = Zeroizing::new(String::with_capacity(20));
    for (place, c) in all.chars().enumerate() {
        if place > 0 && place % 4 == 0 {
            text.push('-');
        }
        text.push(c);
    }
    Ok(Plaintext::new(&text))
}

impl Authority {
    /// Begins a second factor: what the authenticator has to know. The password is asked for, since
    /// whoever sets up a second factor can lock its user out. It is asked for only after
    /// [`Authority::totp_confirm`]; beginning again makes a new key.
    ///
    /// # Errors
    /// `password.wrong`; `totp.on` when there is one already, `totp.no_password` for whoever signs
    /// in without a password.
    pub async fn totp_begin(
        &self,
        session: &OpenSession,
        visitor: &Visitor,
        password: Password,
    ) -> Result<TotpEnrolment, ApiError> {
        let held = self.core().store.credentials_find(session.user).await.map_err(store_failed)?;
        if held.is_none_or(|held| held.password.is_none()) {
            return Err(ApiError::new("totp.no_password", "you sign in without a password here")
                .with_hint("set up the second factor at the provider where you sign in"));
        }
        let held = self.password_ask(session, visitor, "password", &password).await?;
        let begin = Begin { user: session.user, name: session.user_name.clone(), held };
        self.change_private(&session.ctx, Action::ChangeAccount, begin, |turn, begin| {
            Box::pin(begin_in_turn(turn, begin))
        })
        .await
    }

    /// Takes the first code of the authenticator; from now on one is asked for. Answers the
    /// recovery codes, which are shown once.
    ///
    /// # Errors
    /// `totp.not_begun`, or `sign_in.code_wrong`.
    pub async fn totp_confirm(
        &self,
        session: &OpenSession,
        code: Password,
    ) -> Result<RecoveryCodes, ApiError> {
        let confirm = (session.user, code);
        self.change_private(&session.ctx, Action::ChangeAccount, confirm, |turn, (user, code)| {
            Box::pin(confirm_in_turn(turn, *user, code))
        })
        .await
    }

    /// Takes the second factor away; the password is asked for. Whoever lost it has an operator
    /// make a link that does so.
    ///
    /// # Errors
    /// `password.wrong`; `totp.off` when there is none.
    pub async fn totp_disable(
        &self,
        session: &OpenSession,
        visitor: &Visitor,
        password: Password,
    ) -> Result<(), ApiError> {
        let held = self.password_ask(session, visitor, "password", &password).await?;
        let disable = (session.user, held);
        self.change_private(&session.ctx, Action::ChangeAccount, disable, |turn, (user, held)| {
            Box::pin(disable_in_turn(turn, *user, held))
        })
        .await
    }
}

struct Begin {
    user: UserId,
    name: String,
    held: PasswordHash,
}

async fn begin_in_turn(turn: &mut Turn, begin: &Begin) -> Result<TotpEnrolment, ApiError> {
    let held = turn.credentials(begin.user, &begin.held).await?;
    if held.needs_code() {
        return Err(ApiError::new("totp.on", "you have a second factor already")
            .with_hint("take it away first, then begin again"));
    }
    let key = TotpKey::generate(turn.core.entropy.as_ref()).map_err(no_entropy)?;
    let enrolment = TotpEnrolment {
        key: Plaintext::new(&totp::base32(&key)),
        uri: Plaintext::new(&totp::uri(&key, &begin.name, ISSUER)),
    };
    let begun = Totp { key, is_confirmed: false, last_step: 0, recovery: Vec::new() };
    turn.put_totp(held, Some(begun), "user.totp_begin").await?;
    Ok(enrolment)
}

async fn confirm_in_turn(
    turn: &mut Turn,
    user: UserId,
    code: &Password,
) -> Result<RecoveryCodes, ApiError> {
    let held = turn.core.store.credentials_find(user).await.map_err(store_failed)?;
    let begun = held.filter(|held| !held.needs_code());
    let Some((held, begun)) = begun.and_then(|held| Some((held.clone(), held.totp?))) else {
        return Err(ApiError::new("totp.not_begun", "no second factor waits for its first code")
            .with_hint("begin again"));
    };
    let Some(step) = totp::find(&begun.key, code.expose(), turn.now, begun.last_step) else {
        return Err(ApiError {
            field: Some("code".to_owned()),
            ..ApiError::new("sign_in.code_wrong", "the code is wrong")
                .with_hint("see that the clocks of your device and of this server are right")
        });
    };
    let mut codes = Vec::with_capacity(CODES);
    for _ in 0..CODES {
        codes.push(recovery_code(turn.core.entropy.as_ref()).map_err(no_entropy)?);
    }
    let recovery = codes.iter().map(|code| SecretDigest::of(plain(code.expose()).as_bytes()));
    let recovery = recovery.collect();
    let confirmed = Totp { is_confirmed: true, last_step: step, recovery, ..begun };
    turn.put_totp(held, Some(confirmed), "user.totp_confirm").await?;
    Ok(RecoveryCodes { codes })
}

async fn disable_in_turn(
    turn: &mut Turn,
    user: UserId,
    checked: &PasswordHash,
) -> Result<(), ApiError> {
    let held = turn.credentials(user, checked).await?;
    if held.totp.is_none() {
        return Err(ApiError::new("totp.off", "you have no second factor"));
    }
    turn.put_totp(held, None, "user.totp_disable").await
}

impl Turn {
    async fn put_totp(
        &self,
        held: Credentials,
        totp: Option<Totp>,
        action: &str,
    ) -> Result<(), ApiError> {
        let shown = |totp: Option<&Totp>| {
            json!({
                "second_factor": totp.is_some_and(|totp| totp.is_confirmed),
                "recovery_codes": totp.map_or(0, |totp| totp.recovery.len()),
            })
        };
        let (before, after) = (shown(held.totp.as_ref()), shown(totp.as_ref()));
        let audit = self.audit(action, &held.user, Some(&before), Some(&after), "")?;
        let mut plan = Plan::default();
        let after = Credentials { totp, ..held };
        plan.change(Change::SignIn(SignInChange::CredentialsUpdate(after)), audit);
        self.commit(plan).await
    }
}
