//! STUB
use std::sync::OnceLock;
/// Pin.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Pin(Kind);
#[derive(Clone, Debug, PartialEq, Eq, Default)]
enum Kind {
    #[default]
    None,
    Core(usize),
    Nth(usize),
    Spread,
}
impl Pin {
    /// c
    pub fn core(id: usize) -> Self {
        Self(Kind::Core(id))
    }
    /// n
    pub fn nth(i: usize) -> Self {
        Self(Kind::Nth(i))
    }
    /// s
    pub fn spread() -> Self {
        Self(Kind::Spread)
    }
    /// n
    pub fn none() -> Self {
        Self(Kind::None)
    }
    pub(crate) fn resolve(&self, worker: usize) -> Result<Placement, PinError> {
        let allowed = allowed_cores();
        Ok(match self.0 {
            Kind::None => Placement { core: None, strict: false },
            Kind::Core(core) if allowed.contains(&core) => Placement { core: Some(core), strict: true },
            Kind::Core(core) => return Err(PinError::CoreNotAllowed { core, allowed: allowed.to_vec() }),
            Kind::Nth(index) => Placement {
                core: Some(
                    *allowed.get(index).ok_or_else(|| PinError::NoSuchIndex { index, allowed: allowed.to_vec() })?,
                ),
                strict: true,
            },
            Kind::Spread => Placement {
                core: if allowed.is_empty() { None } else { Some(allowed[worker % allowed.len()]) },
                strict: false,
            },
        })
    }
}
/// a
pub fn allowed_cores() -> &'static [usize] {
    static A: OnceLock<Vec<usize>> = OnceLock::new();
    A.get_or_init(|| {
        let mut v: Vec<usize> = core_affinity::get_core_ids().unwrap_or_default().iter().map(|c| c.id).collect();
        v.sort_unstable();
        v
    })
}
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PinError {
    CoreNotAllowed { core: usize, allowed: Vec<usize> },
    NoSuchIndex { index: usize, allowed: Vec<usize> },
    Refused { core: usize },
}
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placement {
    core: Option<usize>,
    strict: bool,
}
impl Placement {
    pub(crate) fn wants_core(&self) -> bool {
        self.core.is_some()
    }
    pub(crate) fn apply(&self) -> Result<Option<usize>, PinError> {
        let Some(core) = self.core else { return Ok(None) };
        let _ = core_affinity::set_for_current(core_affinity::CoreId { id: core });
        let now: Vec<usize> = core_affinity::get_core_ids().unwrap_or_default().iter().map(|c| c.id).collect();
        if now == [core] {
            Ok(Some(core))
        } else if self.strict {
            Err(PinError::Refused { core })
        } else {
            Ok(None)
        }
    }
}
