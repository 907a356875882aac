//! What a gate found, as a page.

use maud::{Markup, html};

use super::{advice, figure};

/// Says how something looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateTone {
    /// It passes.
    Pass,
    /// It does not.
    Bad,
    /// Nobody can say.
    Unclear,
}

/// Holds what is shown of a gate.
#[derive(Clone, Debug)]
pub struct GatePage {
    /// How the answer looks.
    pub tone: GateTone,
    /// The answer in a word.
    pub state: String,
    /// What it means, as a sentence.
    pub means: String,
    /// The questions, in the order of the table.
    pub arms: Vec<String>,
    /// Spec by spec.
    pub specs: Vec<GateSpec>,
}

/// Holds what is shown of a spec.
#[derive(Clone, Debug)]
pub struct GateSpec {
    /// Name of the run that it declares.
    pub name: String,
    /// Its file.
    pub file: String,
    /// Class of the machine.
    pub class: String,
    /// What was asked, in the order of [`GatePage::arms`]; none if it was not.
    pub arms: Vec<Option<GateArm>>,
}

/// Holds the answer to a question.
#[derive(Clone, Debug)]
pub struct GateArm {
    /// How it looks.
    pub tone: GateTone,
    /// The answer in a word.
    pub state: String,
    /// The answer in words.
    pub words: String,
    /// Tensors with both values, losses: a line each.
    pub lines: Vec<String>,
    /// What to type next.
    pub next: Option<String>,
}

impl GatePage {
    /// Writes the page.
    pub fn render(&self) -> String {
        let body = html! {
            header { p.over { "reenact gate" } h1 { (figure::count(self.specs.len() as u64, "spec")) } }
            div class=(format!("verdict {}", self.tone.class())) {
                p.sign aria-hidden="true" { (self.tone.sign()) }
                h2 { (self.state) }
                p.lead { (self.means) }
            }
            section { h2 { "Specs" } div.scroll { (self.table()) } }
            @for spec in &self.specs { (spec.details(&self.arms)) }
            footer { "The same facts for machines: " code { "gate.json" } " beside this page." }
        };
        super::page(&format!("reenact gate: {}", self.state), body)
    }

    fn table(&self) -> Markup {
        html! {
            table.facts.stacks {
                thead {
                    tr {
                        th scope="col" { "spec" }
                        th scope="col" { "class" }
                        @for arm in &self.arms { th scope="col" { (arm) } }
                    }
                }
                tbody {
                    @for spec in &self.specs {
                        tr {
                            th scope="row" { (spec.name) }
                            td.words data-name="class" { (spec.class) }
                            @for (name, arm) in self.arms.iter().zip(&spec.arms) { (cell(name, arm.as_ref())) }
                        }
                    }
                }
            }
        }
    }
}

fn cell(name: &str, arm: Option<&GateArm>) -> Markup {
    html! {
        @match arm {
            Some(arm) => td.short data-name=(name) .differs[arm.tone != GateTone::Pass] {
                span class=(format!("mark {}", arm.tone.class())) { (arm.tone.sign()) } " " (arm.state)
            },
            None => td data-name=(name) { "–" },
        }
    }
}

impl GateSpec {
    /// Shows what does not pass.
    fn details(&self, names: &[String]) -> Markup {
        let arms = names.iter().zip(&self.arms);
        let bad: Vec<(&String, &GateArm)> = arms
            .filter_map(|(name, arm)| Some((name, arm.as_ref()?)))
            .filter(|(_, arm)| arm.tone != GateTone::Pass)
            .collect();
        html! {
            @if !bad.is_empty() {
                section {
                    h2 { (self.name) }
                    p.quiet { code { (self.file) } }
                    @for (name, arm) in &bad {
                        article {
                            h3 { (name) ": " (arm.state) }
                            p { (figure::prose(&arm.words)) }
                            @if !arm.lines.is_empty() {
                                ul { @for line in &arm.lines { li { code { (line) } } } }
                            }
                            @if let Some(next) = &arm.next { (advice::show(next)) }
                        }
                    }
                }
            }
        }
    }
}

impl GateTone {
    fn class(self) -> &'static str {
        match self {
            Self::Pass => "clean",
            Self::Bad => "divergent",
            Self::Unclear => "unclear",
        }
    }

    /// Tells the tones apart for whoever sees no colours.
    fn sign(self) -> &'static str {
        match self {
            Self::Pass => "✓",
            Self::Bad => "✕",
            Self::Unclear => "?",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "\"><script>alert(1)</script>\u{202e}";

    #[test]
    fn nothing_becomes_markup_and_what_passes_has_no_details() {
        let arm = |tone| GateArm {
            tone,
            state: HOSTILE.into(),
            words: HOSTILE.into(),
            lines: vec![HOSTILE.into()],
            next: Some(HOSTILE.into()),
        };
        let spec = |tone| GateSpec {
            name: HOSTILE.into(),
            file: HOSTILE.into(),
            class: HOSTILE.into(),
            arms: vec![Some(arm(tone)), None],
        };
        let page = |tone| {
            let arms = vec!["baseline".into(), "old".into()];
            let (state, means) = (HOSTILE.to_owned(), HOSTILE.to_owned());
            GatePage { tone, state, means, arms, specs: vec![spec(tone)] }.render()
        };
        let (bad, pass) = (page(GateTone::Bad), page(GateTone::Pass));
        for text in [&bad, &pass] {
            assert!(text.contains("&lt;script&gt;") && !text.contains("<script"));
            assert!(!text.contains('\u{202e}'), "it is spelled out");
        }
        assert!(bad.contains("<article>") && !pass.contains("<article>"));
    }
}
