//! Why there is no registration.

/// Why there is no registration. Its text is for operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterFailure {
    /// The registrar wants a password, and there is none.
    #[error("the registrar asks for a password and none is set")]
    NoPassword,
    /// The registrar did not take our answer to its challenge.
    #[error("the registrar does not accept the user name or password")]
    WrongPassword,
    /// The registrar wants none of us, with this status.
    #[error("the registrar refuses the account with {0}")]
    Refused(u16),
    /// The registrar cannot help now, with this status.
    #[error("the registrar answers with {0}")]
    Failed(u16),
    /// The registrar said yes, and registered nothing.
    #[error("the registrar answers with success but does not register us")]
    NotBound,
    /// The registrar did not answer.
    #[error("the registrar does not answer")]
    Silent,
    /// There is no way to the registrar.
    #[error("the registrar cannot be reached")]
    Unreachable,
    /// It was not renewed in time.
    #[error("the registration ran out before it could be renewed")]
    RanOut,
}

impl RegisterFailure {
    /// Whether trying again soon is no use: somebody has to change something first.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::NoPassword | Self::WrongPassword | Self::Refused(_)
        )
    }
}
