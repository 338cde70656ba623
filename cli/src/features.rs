//! Flags for parts of the control plane that are not the same everywhere: given to the controllers, and to the
//! commands that decide without them.

use clap::{ArgAction, Args, ValueEnum};
use navarch_scheduler::unit::{Features, ObjectOverrides};

/// `--object-overrides`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Overrides {
    /// They take its place
    #[default]
    #[value(name = "Allow")]
    Allow,
    /// They count where they only make the placement smaller
    #[value(name = "Narrow")]
    Narrow,
    /// They do not count
    #[value(name = "Deny")]
    Deny,
}

#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct FeatureFlags {
    /// What annotations of an object may do to what its policy says
    #[arg(
        long,
        value_enum,
        default_value_t,
        ignore_case = true,
        value_name = "SETTING"
    )]
    object_overrides: Overrides,
    /// Katalyst's reclaimed resources count
    #[arg(long, default_value_t = false, action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true, value_name = "BOOL")]
    enable_katalyst_support: bool,
}

impl FeatureFlags {
    pub(crate) fn features(self) -> Features {
        Features {
            katalyst: self.enable_katalyst_support,
            object_overrides: match self.object_overrides {
                Overrides::Allow => ObjectOverrides::Allow,
                Overrides::Narrow => ObjectOverrides::Narrow,
                Overrides::Deny => ObjectOverrides::Deny,
            },
        }
    }
}
