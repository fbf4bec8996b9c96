"""What a generation would ask and what it would cost, in words. Asks nothing."""

from __future__ import annotations

from itertools import chain

from qa_pipeline.documents.passages import choose_shard, choose_subset
from qa_pipeline.generation.backends.limits import estimate
from qa_pipeline.generation.job import Job
from qa_pipeline.generation.questions.llm.generator import LLMGenerator
from qa_pipeline.generation.questions.llm.passages import imagined_passages, imagined_requests
from qa_pipeline.generation.questions.llm.setup import passages_needed, passages_wanted, prices_of
from qa_pipeline.generation.specification.specification import Specification


def plan(job: Job, specification: Specification | None) -> str:
    """The plan as lines for the terminal.

    Args:
        job: prepared; without passages a model would write them first.
        specification: of its prompt.
    """
    general, (number, of) = job.settings.generation, job.settings.shard
    passages = choose_shard(choose_subset(job.passages, general.subset, general.seed), number, of)
    generator = job.engine.generator
    invented = not job.passages
    if invented:
        passages = imagined_passages(passages_wanted(job.settings))
        lines = [f"{'passages to be written':<24}{len(passages):>12,}   from the prompt, with their topics"]
    else:
        words = sum(len(passage.text.split()) for passage in passages)
        lines = [
            f"{'documents':<24}{len({passage.document for passage in passages}):>12,}",
            f"{'passages':<24}{len(passages):>12,}   of {len(job.passages):,}; {words:,} words",
        ]
    lines.append(f"{'most questions':<24}{len(passages) * general.questions_per_context:>12,}   before filters")
    if general.num_examples is not None:
        lines.append(f"{'rows wanted':<24}{general.num_examples:>12,}   num_examples; the run stops when it has them")
    if not isinstance(generator, LLMGenerator):
        return "\n".join([*lines, "no language model is asked"])
    asked = passages
    if general.num_examples is not None:
        # The run stops at the end of the block that gives enough; by what filters usually leave that is this one.
        block = job.engine.block_size
        asked = passages[: -(-(passages_needed(job.settings) or 1) // block) * block]
    before = imagined_requests(specification.wish, len(passages), job.language) if invented and specification else ()
    prices = prices_of(job.settings.backend)
    found = estimate(chain(before, generator.imagined(asked)), prices)
    cost = (
        f"{found.likely_cost:,.4g} likely, {found.most_cost:,.4g} at most"
        if prices.known
        else "unknown: give both prices"
    )
    lines += [
        f"{'passages asked about':<24}{len(asked):>12,}",
        f"{'requests':<24}{found.requests:>12,}   without repairs and retries",
        f"{'prompt tokens':<24}{found.likely_prompt_tokens:>12,}   likely; {found.most_prompt_tokens:,} at most",
        f"{'completion tokens':<24}{found.most_completion_tokens:>12,}   at most",
        f"{'cost':<24}{cost}",
    ]
    return "\n".join(lines)
