//! Who asks, as mcpass knows them.

use mcpass_domain::{TokenId, UserId};

use crate::api::{ApiError, WhoAmI};
use crate::authority::Authority;
use crate::authorize::Action;
use crate::context::Context;
use crate::failure::store_failed;
use crate::show;
use crate::turn::Turn;

impl Authority {
    /// Says who asks and what they may do.
    ///
    /// # Errors
    /// When the caller is not in good standing.
    pub async fn whoami(&self, ctx: &Context) -> Result<WhoAmI, ApiError> {
        let request = ctx.actor().to_string();
        self.read(ctx, Action::ViewSelf, request, |turn, actor| Box::pin(whoami(turn, actor))).await
    }
}

async fn whoami(turn: &mut Turn, actor: &str) -> Result<WhoAmI, ApiError> {
    let store = &turn.core.store;
    let (mut kind, mut name, mut user) = ("process", actor.to_owned(), None);
    if let Ok(id) = actor.parse::<UserId>() {
        kind = "user";
        user = store.user_find(id).await.map_err(store_failed)?;
        name = user.as_ref().map_or_else(String::new, |user| user.name.to_string());
    } else if let Ok(id) = actor.parse::<TokenId>() {
        kind = "token";
        if let Some(token) = store.token_find(id).await.map_err(store_failed)? {
            name = token.name.to_string();
            user = store.user_find(token.user).await.map_err(store_failed)?;
        }
    }
    let groups = turn.caller.groups().to_vec();
    turn.world.learn_groups(&*turn.core.store, &groups).await.map_err(store_failed)?;
    let caller = &turn.caller;
    let may = Action::ALL.iter().filter(|action| caller.may(**action));
    Ok(WhoAmI {
        kind: kind.to_owned(),
        id: actor.to_owned(),
        name,
        user: user.map(|user| user.name.to_string()),
        is_superuser: caller.is_all_powerful(),
        groups: turn.world.group_names(&groups),
        effective_permissions: caller.shown_holdings().map(show::list).unwrap_or_default(),
        may: may.map(|action| format!("mcpass.{}", action.permission())).collect(),
    })
}
