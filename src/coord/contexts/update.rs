//! Changes of what is shared.

use super::content::{AgentContext, ContextRef, RECORD_BYTES, SharedIntelligence};
use super::store::Inner;
use super::{ContextError, SharedUpdate, Targets};
use crate::coord::signals::{Recipients, Signal, SignalPayload};
use crate::ids::{AgentId, SignalKind};
use std::sync::Arc;

/// Each snapshot that a target had, what becomes of it, and how large that is.
type Updated = Vec<(Arc<SharedIntelligence>, Arc<SharedIntelligence>, usize)>;

pub(super) fn update_shared(
    inner: &Inner,
    update: &SharedUpdate<'_>,
    out: &mut [Result<u32, ContextError>],
) -> Result<usize, ContextError> {
    let mut writer = inner.writer();
    let published = Arc::clone(&inner.published.load());
    let table = published.table(update.coordination)?;
    let all: Vec<AgentId>;
    let targets = match update.targets {
        Targets::Agents(agents) => agents,
        Targets::All => {
            all = table.entries.iter().map(|(agent, _)| *agent).collect();
            &all
        }
    };
    let named = matches!(update.targets, Targets::Agents(_));
    let out = out.get_mut(..targets.len()).ok_or(ContextError::OutputTooSmall)?;
    let (mut updated, mut contexts) = (Updated::new(), Vec::<ContextRef>::new());
    let mut found = Vec::with_capacity(targets.len());
    for &agent in targets {
        // Named twice, it is updated once. Nobody is in the table twice.
        let known = named.then(|| contexts.iter().find(|context| context.meta.agent == agent)).flatten();
        found.push(match (known, table.place(agent)) {
            (Some(context), _) => Ok(context.version),
            (None, Err(error)) => Err(error),
            (None, Ok(place)) => {
                let context = next(&table.entries[place].1, update, &mut updated);
                inner.refuses(context.bytes)?;
                let version = context.version;
                contexts.push(Arc::new(context));
                Ok(version)
            }
        });
    }
    if !contexts.is_empty() {
        let mut next = writer.pool.table();
        if let Some(next) = Arc::get_mut(&mut next) {
            next.entries.extend(table.entries.iter().cloned());
            for context in &contexts {
                if let Ok(place) = table.place(context.meta.agent) {
                    next.entries[place].1 = Arc::clone(context);
                }
            }
        }
        drop(published);
        inner.publish(&mut writer, update.coordination, Some(next));
    }
    drop(writer);
    out.copy_from_slice(&found);
    inner.figures.updated(update.section, contexts.len());
    let oversize = contexts.iter().filter(|context| context.bytes > inner.size_limit);
    oversize.for_each(|context| inner.figures.oversize(context.bytes));
    contexts.iter().for_each(|context| notify(inner, update, context));
    Ok(contexts.len())
}

/// The next version of a context. What several had in common, they have in common again.
fn next(last: &ContextRef, update: &SharedUpdate<'_>, updated: &mut Updated) -> AgentContext {
    let known = updated.iter().find(|(before, ..)| Arc::ptr_eq(before, &last.shared));
    let (shared, shared_bytes) = match known {
        Some((_, after, bytes)) => (Arc::clone(after), *bytes),
        None => {
            let after = Arc::new(last.shared.updated(update.section, update.delta));
            let bytes = after.size_bytes();
            updated.push((Arc::clone(&last.shared), Arc::clone(&after), bytes));
            (after, bytes)
        }
    };
    let bytes = RECORD_BYTES + shared_bytes + last.assignment.size_bytes();
    let version = last.version.saturating_add(u32::from(update.bump));
    AgentContext { shared, bytes, version, ..AgentContext::clone(last) }
}

/// Tells the agent: the version in the first four bytes, the section's place in the fifth. Who has no subscription is not told.
fn notify(inner: &Inner, update: &SharedUpdate<'_>, context: &AgentContext) {
    let Some(hub) = &inner.notify else { return };
    let mut body = [0; 56];
    body[..4].copy_from_slice(&context.version.to_le_bytes());
    body[4] = update.section as u8;
    let to = Recipients::One(context.meta.agent);
    let signal = Signal { to, ..Signal::new(SignalKind::CONTEXT_UPDATED, SignalPayload::Custom(body)) };
    let _untold = hub.signal(update.coordination, &signal);
}
