//! The timers of programs: each program has an enum of its own, beside those of the clients that it embeds (`client::ClientTimer`).

/// Declares a program's timers with their numbers, which are those of slot 0, and what each says behind the program's name.
macro_rules! timers {
    ($($(#[$about:meta])* $timer:ident = $purpose:literal $words:literal;)*) => {
        /// What a timer of the program itself is for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Timer {
            $($(#[$about])* $timer,)*
        }

        impl Timer {
            /// The purpose that stands for it.
            pub(super) const fn purpose(self) -> $crate::sim::process::Purpose {
                match self { $(Self::$timer => $purpose,)* }
            }

            /// The timer that a purpose stands for.
            ///
            /// # Panics
            /// If it is none of the program's: it has set no such timer.
            pub(super) fn of(purpose: $crate::sim::process::Purpose) -> Self {
                match purpose {
                    $($purpose => Self::$timer,)*
                    other => panic!("the program has no timer {other}"),
                }
            }

            /// What it is for, in words that follow the program's name.
            pub(super) fn words(self) -> String {
                match self { $(Self::$timer => $words.to_owned(),)* }
            }
        }
    };
}

pub(super) use timers;
