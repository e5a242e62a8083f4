//! Trees, drawn with lines.

/// Something with things below it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Branch {
    pub(crate) label: String,
    pub(crate) below: Vec<Branch>,
}

impl Branch {
    pub(crate) fn new(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            below: Vec::new(),
        }
    }

    /// The tree, a line for each branch.
    pub(crate) fn draw(&self) -> Vec<String> {
        let mut lines = vec![self.label.clone()];
        self.draw_below("", &mut lines);
        lines
    }

    /// Trees here are as deep as lines are, which the policy engine bounds.
    fn draw_below(&self, indent: &str, lines: &mut Vec<String>) {
        for (place, branch) in self.below.iter().enumerate() {
            let last = place + 1 == self.below.len();
            let (corner, stem) = if last {
                ("└─ ", "   ")
            } else {
                ("├─ ", "│  ")
            };
            lines.push(format!("{indent}{corner}{}", branch.label));
            branch.draw_below(&format!("{indent}{stem}"), lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_branch_hangs_below_its_own() {
        let leaf = Branch::new;
        let middle = |label: &str, below| Branch {
            label: label.to_owned(),
            below,
        };
        let tree = middle(
            "a",
            vec![middle("b", vec![leaf("c"), leaf("d")]), leaf("e")],
        );
        assert_eq!(tree.draw(), ["a", "├─ b", "│  ├─ c", "│  └─ d", "└─ e"]);
        assert_eq!(leaf("alone").draw(), ["alone"]);
    }
}
