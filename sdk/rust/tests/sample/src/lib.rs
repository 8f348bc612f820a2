//! A package that uses every kind of type: the SDK's tests build it and look at what came out.

/// Finds and measures text.
#[gloveport::tools(package = "acme:text-tools@1.2.3", needs(fs = "read-write", clock = "real", http = ["*.example.com:443"], secrets = ["github"]))]
pub mod text {
    use std::fmt::Write;

    const LIMIT: u32 = 100;

    /// One matching line.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Match {
        /** 1-based. */
        pub line: u32,
        /**
         * The line,
         * without its end.
         */
        pub text: String,
        /// A name that is a keyword in both languages.
        pub r#type: Kind,
    }

    /// How a line matched.
    #[derive(Debug, Clone, Copy, PartialEq)]
    pub enum Kind {
        /// The pattern as it stands.
        Literal,
        /// Nothing beside the pattern.
        WholeLine,
    }

    /// What can be measured.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Shape {
        /// Nothing.
        Empty,
        /// By its side.
        Square(f64),
        /// By both sides.
        Rectangle(f64, f64),
        /// Around a point.
        Circle {
            /// In metres.
            radius: f64,
        },
        /// Found in a text.
        Drawn(Match),
    }

    /// A count under another name.
    pub type Count = u32;

    /// What can go wrong.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Error {
        /// Over the limit.
        TooLong {
            /// The limit.
            limit: Count,
        },
        /// In words.
        Other(String),
    }

    /// Finds the lines that contain a pattern.
    pub fn grep(
        /// A literal,
        /// or a regular expression.
        pattern: String,
        text: String,
        /** At most this many. */
        max: Option<u32>,
    ) -> Result<Vec<Match>, String> {
        if pattern.is_empty() {
            return Err("the pattern is empty".to_owned());
        }
        let kind = |line: &str| {
            if line == pattern { Kind::WholeLine } else { Kind::Literal }
        };
        Ok((1..)
            .zip(text.lines())
            .filter(|(_, line)| line.contains(&pattern))
            .map(|(line, text)| Match { line, text: text.to_owned(), r#type: kind(text) })
            .take(max.unwrap_or(LIMIT) as usize)
            .collect())
    }

    /// The area that a shape covers.
    pub fn area(shape: Shape) -> f64 {
        match shape {
            Shape::Empty | Shape::Drawn(_) => 0.0,
            Shape::Square(side) => side * side,
            Shape::Rectangle(a, b) => a * b,
            Shape::Circle { radius } => std::f64::consts::PI * radius * radius,
        }
    }

    /// Turns shapes about:
    ///
    /// * squares stay as they are;
    /// * rectangles lie down.
    pub fn turn(shapes: Vec<(Shape, bool)>) -> Vec<Option<Shape>> {
        let turn = |shape| match shape {
            Shape::Rectangle(a, b) => Shape::Rectangle(b, a),
            shape => shape,
        };
        shapes.into_iter().map(|(shape, wanted)| wanted.then(|| turn(shape))).collect()
    }

    /// Writes every kind of scalar.
    pub fn all_scalars(
        a: (bool, char),
        b: (u8, u16, u32, u64),
        c: (i8, i16, i32, i64),
        d: (f32, f64),
    ) -> (String, Result<(), u8>) {
        let mut text = String::new();
        let written = write!(text, "{a:?}{b:?}{c:?}{d:?}");
        (text, written.map_err(|_| 1))
    }

    /// Refuses what is too long.
    pub fn r#type(#[doc = " Any content."] bytes: Vec<u8>) -> Result<(), Error> {
        check_length(&bytes)
    }

    /// Counts bytes.
    pub fn utf8_length(mut text: Result<String, ()>) -> Result<Count, Error> {
        let text = text.as_mut().map_err(|()| Error::Other("no text".to_owned()))?;
        text.push('.');
        Ok(u32::try_from(text.len()).unwrap_or(u32::MAX))
    }

    /// Does nothing.
    pub fn nothing() {}

    fn check_length(bytes: &[u8]) -> Result<(), Error> {
        if bytes.len() > LIMIT as usize { Err(Error::TooLong { limit: LIMIT }) } else { Ok(()) }
    }

    #[cfg(test)]
    mod tests {
        use super::{__gloveport::exports::acme::text_tools::text as bound, Error, Kind, Match, Shape};
        use gloveport::__private::{Conv, conv};
        use std::fmt::Debug;

        /// There and back; `expected` is how the bindings print the value.
        #[track_caller]
        fn check<B, A>(value: A, expected: &str)
        where
            A: Conv<B> + Clone + PartialEq + Debug,
            B: Conv<A> + Debug,
        {
            let bound: B = conv(value.clone());
            assert_eq!(format!("{bound:?}"), expected);
            assert_eq!(conv::<B, A>(bound), value);
        }

        #[test]
        fn every_shape_survives_the_conversion() {
            let found = Match { line: 3, text: "x".to_owned(), r#type: Kind::WholeLine };
            let printed = r#"Match { line: 3, text: "x", type: Kind::WholeLine }"#;
            check::<bound::Match, _>(found.clone(), printed);
            check::<bound::Shape, _>(Shape::Drawn(found), &format!("Shape::Drawn({printed})"));
            check::<bound::Shape, _>(Shape::Rectangle(1.0, 2.0), "Shape::Rectangle((1.0, 2.0))");
            check::<bound::Shape, _>(Shape::Circle { radius: 0.5 }, "Shape::Circle(ShapeCircle { radius: 0.5 })");
            check::<bound::Error, _>(Error::TooLong { limit: 7 }, "Error::TooLong(ErrorTooLong { limit: 7 })");
            check::<Vec<(Option<bound::Kind>, Result<u8, String>)>, _>(
                vec![(Some(Kind::Literal), Ok(1)), (None, Err("e".to_owned()))],
                r#"[(Some(Kind::Literal), Ok(1)), (None, Err("e"))]"#,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn tools_are_plain_functions() {
        let found = text::grep("b".into(), "a\nb\nab".into(), None).expect("the pattern is good");
        assert_eq!(found.iter().map(|found| found.line).collect::<Vec<_>>(), [2, 3]);
    }
}
