//! Has an expression count what it costs.
//!
//! The library evaluates without a bound, so the bound is put into the expression: each turn of a
//! loop asks first whether it may ([`steps`]), and what is copied or grows is weighed before
//! ([`WEIGH`]). Evaluating an expression without loops once costs no more than its text and the
//! values that it copies.
//!
//! What the library recognises stays as it is: the steps of `all`, `exists`, `map` and `filter`.

use cel::{
    IdedExpr,
    common::{
        ast::{
            CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue,
            operators::{
                ADD, CONDITIONAL, EQUALS, IN, INDEX, LOGICAL_AND, LOGICAL_NOT, LOGICAL_OR,
                NOT_EQUALS, OPT_INDEX, OPT_SELECT,
            },
        },
        types::CelBool,
    },
};

use super::budget::{BUDGET, WEIGH, WEIGH_PATTERN, steps};

/// The same expression, which counts.
pub(super) fn metered(expression: IdedExpr) -> IdedExpr {
    let IdedExpr { id, expr } = expression;
    let expr = match expr {
        Expr::Call(call) => Expr::Call(metered_call(call)),
        Expr::Comprehension(comprehension) => {
            Expr::Comprehension(Box::new(metered_loop(*comprehension)))
        }
        Expr::List(mut list) => {
            list.elements = list.elements.into_iter().map(|item| weighed(metered(item))).collect();
            Expr::List(list)
        }
        Expr::Map(mut map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    change(&mut entry.key, |key| weighed(metered(key)));
                    change(&mut entry.value, |value| weighed(metered(value)));
                }
            }
            Expr::Map(map)
        }
        Expr::Select(mut select) => {
            change(&mut select.operand, metered);
            Expr::Select(select)
        }
        // There are no message types here.
        expr @ (Expr::Struct(_) | Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified) => expr,
    };
    IdedExpr { id, expr }
}

fn metered_call(call: CallExpr) -> CallExpr {
    let mut call = CallExpr {
        target: call.target.map(|target| Box::new(metered(*target))),
        args: call.args.into_iter().map(metered).collect(),
        func_name: call.func_name,
    };
    match (call.func_name.as_str(), call.args.as_mut_slice()) {
        (ADD, [left, right]) if !is_number(left) && !is_number(right) => {
            change(left, weighed);
            change(right, weighed);
        }
        // As much is compared as both have.
        (EQUALS | NOT_EQUALS, [left, right]) if !is_literal(left) && !is_literal(right) => {
            change(left, weighed);
        }
        (IN, [_, all]) => change(all, weighed),
        ("matches", [.., pattern]) => {
            change(pattern, |pattern| paid(WEIGH_PATTERN, pattern));
            if let Some(text) = call.target.as_deref_mut().or(call.args.first_mut()) {
                change(text, weighed);
            }
        }
        _ => {}
    }
    call
}

fn metered_loop(mut comprehension: ComprehensionExpr) -> ComprehensionExpr {
    let turn = size(&comprehension.loop_cond) + size(&comprehension.loop_step);
    let parts = [
        &mut comprehension.iter_range,
        &mut comprehension.accu_init,
        &mut comprehension.loop_cond,
        &mut comprehension.loop_step,
        &mut comprehension.result,
    ];
    for part in parts {
        change(part, metered);
    }
    // Each turn copies an item.
    change(&mut comprehension.iter_range, weighed);
    let may_go_on = ident(&steps(turn));
    if is_collected(&comprehension) {
        // The condition has to stay a literal, or the list would be copied at each turn.
        let accumulated = ident(&comprehension.accu_var);
        change(&mut comprehension.loop_step, |step| match step.expr {
            Expr::Call(mut call) if call.func_name == CONDITIONAL => {
                if let Some(guard) = call.args.first_mut() {
                    change(guard, |guard| conditional(may_go_on, guard, is_false()));
                }
                IdedExpr { id: step.id, expr: Expr::Call(call) }
            }
            expr => conditional(may_go_on, IdedExpr { id: step.id, expr }, accumulated),
        });
    } else {
        change(&mut comprehension.loop_cond, |go_on| conditional(may_go_on, go_on, is_false()));
    }
    comprehension
}

/// Whether the loop makes a list, as `map` and `filter` do: `@result + [item]`, or that under a
/// condition.
fn is_collected(comprehension: &ComprehensionExpr) -> bool {
    fn adds(step: &IdedExpr) -> bool {
        let Expr::Call(call) = &step.expr else { return false };
        match (call.func_name.as_str(), call.args.as_slice()) {
            (ADD, [_, item]) => matches!(item.expr, Expr::List(_)),
            (CONDITIONAL, [_, step, _]) => adds(step),
            _ => false,
        }
    }
    is_literal(&comprehension.loop_cond) && adds(&comprehension.loop_step)
}

/// Nodes that are evaluated once each; loops further in count for themselves.
fn size(expression: &IdedExpr) -> u64 {
    let all = |parts: &[IdedExpr]| parts.iter().map(size).sum::<u64>();
    1 + match &expression.expr {
        Expr::Call(call) => call.target.as_deref().map_or(0, size) + all(&call.args),
        Expr::List(list) => all(&list.elements),
        Expr::Map(map) => {
            let entries = map.entries.iter().map(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => size(&entry.key) + size(&entry.value),
                EntryExpr::StructField(field) => size(&field.value),
            });
            entries.sum()
        }
        Expr::Select(select) => size(&select.operand),
        Expr::Comprehension(inner) => size(&inner.iter_range) + size(&inner.result),
        Expr::Struct(_) | Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => 0,
    }
}

/// The expression, weighed where it may give a value that is there already and is copied now. What
/// an operator or a loop makes was paid for when its parts were.
fn weighed(expression: IdedExpr) -> IdedExpr {
    match expression.expr {
        Expr::Call(mut call) if call.func_name == CONDITIONAL => {
            for branch in call.args.iter_mut().skip(1) {
                change(branch, weighed);
            }
            IdedExpr { id: expression.id, expr: Expr::Call(call) }
        }
        Expr::Call(ref call) if gives_a_copy(call) => paid(WEIGH, expression),
        // What a loop has gathered so far is not copied.
        Expr::Ident(ref name) if name.starts_with('@') => expression,
        Expr::Ident(_) | Expr::Select(_) => paid(WEIGH, expression),
        _ => expression,
    }
}

/// Functions, and what takes a part of a value. The other operators make a new one.
fn gives_a_copy(call: &CallExpr) -> bool {
    let name = call.func_name.as_str();
    let is_operator = name.contains(['_', '@']) || name == LOGICAL_NOT;
    [INDEX, OPT_INDEX, OPT_SELECT, LOGICAL_AND, LOGICAL_OR].contains(&name) || !is_operator
}

fn paid(function: &str, value: IdedExpr) -> IdedExpr {
    call(function, vec![value, ident(BUDGET)])
}

fn conditional(condition: IdedExpr, then: IdedExpr, otherwise: IdedExpr) -> IdedExpr {
    call(CONDITIONAL, vec![condition, then, otherwise])
}

fn call(function: &str, args: Vec<IdedExpr>) -> IdedExpr {
    let call = CallExpr { func_name: function.to_owned(), target: None, args };
    IdedExpr { id: 0, expr: Expr::Call(call) }
}

fn ident(name: &str) -> IdedExpr {
    IdedExpr { id: 0, expr: Expr::Ident(name.to_owned()) }
}

fn is_false() -> IdedExpr {
    IdedExpr { id: 0, expr: Expr::Literal(LiteralValue::Boolean(CelBool::FALSE)) }
}

fn is_literal(expression: &IdedExpr) -> bool {
    matches!(expression.expr, Expr::Literal(_))
}

fn is_number(expression: &IdedExpr) -> bool {
    use LiteralValue::{Double, Int, UInt};
    matches!(expression.expr, Expr::Literal(Int(_) | UInt(_) | Double(_)))
}

fn change(place: &mut IdedExpr, change: impl FnOnce(IdedExpr) -> IdedExpr) {
    *place = change(std::mem::take(place));
}
