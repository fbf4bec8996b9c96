"""The questions that people ask about the statements of `frames`: a small grammar of wordings, filled by voice and topic."""

from __future__ import annotations

# ruff: noqa: E501 - a table of wordings reads better unbroken
import re

import numpy as np

from qa_pipeline.generation.questions.cloze.asking import HALVES
from qa_pipeline.generation.questions.cloze.services.categories import category_name, category_of_noun
from qa_pipeline.generation.questions.cloze.services.frames import StatedAnswer
from qa_pipeline.generation.questions.cloze.voice import Voice, one_of, one_of_each

# {do} {org}: "do you", "does the company"; {Do}: the same with a capital; {my} {me} {i}; {info}: what it is about;
# {share}: a verb of the frame; {others}: people outside. "a|b" in angle brackets is a choice.
_SHARE = "<share|disclose|give|pass on|sell|release|transfer>"
_SHARE_WITH = "<share {what} with|disclose {what} to|give {what} to|sell {what} to|release {what} to|pass {what} on to>"
_SHARE_INFO, _SHARE_CALLED = (_SHARE_WITH.replace("{what}", f"{{{name}}}") for name in ("info", "called"))
_OTHERS = "<others|third parties|other companies|anyone else|outside parties|partners>"
_COLLECT = "<collect|gather|ask for|obtain|record|need|store>"
_USE = "<use|need|process|want>"
_PROTECT = "<protect|secure|keep safe|safeguard>"

WORDINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "share": {
        "action": (
            f"{{Do}} {{org}} {_SHARE_INFO} {_OTHERS}?", f"Will {{org}} {_SHARE} {{info}}?", f"Is {{info}} shared with {_OTHERS}?",
            f"Can {_OTHERS} <see|get|access|use> {{info}}?", f"{{Do}} {{org}} make {{info}} available to {_OTHERS}?",
            "<Does anyone else get|Who else gets> {info}?", "How is {info} shared?",
        ),
        "recipient": (
            "Who {do} {org} <share|exchange> {info} with?", "With whom is {info} shared?", "Who <receives|can see|gets|has access to> {info}?",
            "<Which|What> <third parties|companies|people> get {info}?", f"{{Do}} {{org}} {_SHARE} {{info}}? If so, to whom?", "To whom {do} {org} <give|disclose> {info}?",
        ),
        "information": (
            f"What <kind of |type of |>{{plain}} <about {{me}} |>{{do}} {{org}} {_SHARE}?", f"What {{plain}} is shared with {_OTHERS}?",
            f"Which of {{my}} {{plain}} {{do}} {{org}} {_SHARE}?", "<What|Which> {plain} can others <see|get>?",
        ),
        "purpose": (f"Why {{do}} {{org}} {_SHARE} {{info}}?", "For what <purpose|reason> is {info} shared?", "What are the reasons for sharing {info}?"),
        "predicate": (f"How {{do}} {{org}} {_SHARE} {{info}}?", "What {do} {org} do with {info}?", "How is {info} shared?"),
        "condition": (f"When {{do}} {{org}} {_SHARE} {{info}}?", "Under what <circumstances|conditions> is {info} shared?", "Is my <permission|consent> needed to share {info}?"),
        "manner": ("How is {info} shared?", f"How {{do}} {{org}} {_SHARE} {{info}}?"),
    },
    "collect": {
        "action": (
            f"{{Do}} {{org}} {_COLLECT} {{info}}?", f"Will {{org}} {_COLLECT} {{info}}?", "Is {info} <collected|stored|recorded>?",
            f"{{Do}} {{org}} {_COLLECT} {{info}} <from {{me}}|online|on the site>?", "Where {do} {org} get {info}?", f"How {{do}} {{org}} {_COLLECT} {{info}}?",
        ),
        "recipient": ("Who <collects|receives> {info}?", "From where {do} {org} get {info}?", "Who is {info} collected from?"),
        "information": (
            f"What <kind of |type of |types of |personal |>{{plain}} <about {{me}} |>{{do}} {{org}} {_COLLECT}?", "What {plain} <is|are> collected <from {me}|about {me}|>?",
            "<What|Which> {plain} do {i} have to <give|provide|submit>?", f"{{Do}} {{org}} {_COLLECT} {{my}} <personal|private|contact|financial> {{plain}}?",
        ),
        "purpose": (f"Why {{do}} {{org}} {_COLLECT} {{info}}?", "For what <purpose|reason> is {info} collected?", "What is {info} <needed|collected|wanted> for?"),
        "predicate": (f"How {{do}} {{org}} {_COLLECT} {{info}}?", "How is {info} <collected|gathered|recorded>?", "How {do} {org} get {info}?"),
        "condition": (f"When {{do}} {{org}} {_COLLECT} {{info}}?", "When is {info} collected?", "Do {i} have to give {info}?", f"How {{do}} {{org}} {_COLLECT} {{info}}?"),
        "manner": (f"How {{do}} {{org}} {_COLLECT} {{info}}?", "By what means is {info} collected?", "How is {info} collected?"),
    },
    "use": {
        "action": (f"{{Do}} {{org}} {_USE} {{info}}?", "Will {info} be used?", "{Do} {org} make use of {info}?", "Is {info} used <in any way|for other purposes|>?"),
        "recipient": ("Who uses {info}?", "Who has access to {info}?"),
        "information": (f"What {{plain}} {{do}} {{org}} {_USE}?", "Which {plain} is used?", "What <kind|type> of {plain} {do} {org} use?", "What {do} {org} use?"),
        "purpose": (f"Why {{do}} {{org}} {_USE} {{info}}?", f"What {{do}} {{org}} {_USE} {{info}} for?", "For what purpose is {info} used?", "How {do} {org} use {info}?", "What is the purpose of <using|having> {info}?"),
        "predicate": ("How {do} {org} use {info}?", "What {do} {org} do with {info}?", "How is {info} used?"),
        "condition": ("When {do} {org} use {info}?", "Under what circumstances is {info} used?"),
        "manner": ("How {do} {org} use {info}?", "In what way is {info} used?"),
    },
    "protect": {
        "action": (f"{{Do}} {{org}} {_PROTECT} {{info}}?", "Is {info} <safe|secure|protected>?", "Can {i} trust {org_object} with {info}?"),
        "information": ("What {do} {org} <protect|secure>?", "What <measures|means> {do} {org} use to protect {mine}?", "What is <protected|secured>?"),
        "predicate": (f"How {{do}} {{org}} {_PROTECT} {{mine}}?", "What <steps|measures> {do} {org} take to protect {mine}?"),
        "sentence": (
            f"How {{do}} {{org}} {_PROTECT} {{mine}}?", "What <steps|measures|precautions> {do} {org} take to <protect|secure> {mine}?", "Is {mine} <safe|secure|protected> <with {org_object}|>?",
            "How <safe|secure> is {mine}?", "Who <can|is allowed to> access {mine} <inside the company|>?", "Is {mine} encrypted?",
        ),
        "purpose": ("Why {do} {org} protect {mine}?", "What is <security|protection> meant for?", "How is {mine} protected?"),
        "condition": ("When is {mine} protected?", "Is {mine} always safe?"),
        "manner": ("How {do} {org} protect {mine}?", "How is {mine} secured?"),
    },
    "keep": {
        "action": ("{Do} {org} <keep|store|save|retain> {info}?", "Is {info} <kept|stored|saved>?"),
        "information": ("What {plain} {do} {org} <keep|store|save>?", "Which {plain} is <kept|stored>?"),
        "duration": ("How long {do} {org} <keep|store|retain> {mine}?", "For <how long|what period> is {mine} stored?", "When is {mine} deleted?"),
        "predicate": ("How {do} {org} <keep|store> {info}?", "How long {do} {org} keep {info}?"),
        "purpose": ("Why {do} {org} <keep|store|retain> {info}?", "What is {info} kept for?"),
        "condition": ("When {do} {org} keep {info}?", "When is {mine} deleted?"),
    },
    "contact": {
        "action": ("Will {org} <contact|notify|email|write to> {me}?", "{Do} {org} <contact|notify|send messages to> {me}?", "{Do} {org} use {my} contact information?"),
        "information": ("What will {org} send {me}?", "What <kind of messages|messages|mail> will {i} get?"),
        "recipient": ("Who will be <contacted|told>?",),
        "predicate": ("How will {org} <contact|reach|notify> {me}?", "What will {i} be <told|sent>?"),
        "purpose": ("Why {do} {org} <contact|write to|email> {me}?", "For what reason will {i} be contacted?"),
        "condition": ("When will {org} <contact|notify> {me}?", "Under what circumstances will {i} be notified?"),
        "manner": ("How will {org} <contact|notify|reach> {me}?",),
    },
    "change": {
        "action": ("Can the policy <change|be changed>?", "{Do} {org} change the <policy|terms>?", "Will the policy be updated?"),
        "information": ("What can {org} change?", "What is updated?", "What changes will {i} be told about?"),
        "predicate": ("How will {i} learn about changes?", "What happens when the policy changes?"),
        "sentence": (
            "How will {i} <learn about|be informed of|be told about> changes <to the policy|in the policy|>?", "Will {i} be <told|notified|informed> when the policy changes?",
            "What happens <if|when> the policy <changes|is updated>?", "When does a new policy take effect?", "Which changes will {i} be told about?",
        ),
        "purpose": ("Why would the policy change?",), "condition": ("When does the policy change?",), "manner": ("How will changes be announced?",),
    },
    "edit": {
        "information": ("What can {i} <change|edit|delete|see>?", "Which {plain} can {i} <edit|delete|correct>?"),
        "predicate": ("Can {i} <edit|change|delete|see|correct> {mine}?", "How can {i} <edit|change|delete|update|see> {mine}?", "Is it possible to <delete|change|access> {mine}?", "Will {org} let {me} <edit|delete|see|correct> {mine}?", "What <happens to|can {i} do with> {mine} after {i} close {my} account?"),
        "purpose": ("Why would {i} change {mine}?",), "condition": ("When can {i} <change|delete> {mine}?",), "manner": ("How can {i} <edit|change|delete|update> {mine}?",),
    },
    "choose": {
        "choice": (
            "Can {i} <opt out|unsubscribe|say no|decline>?", "How can {i} <opt out|unsubscribe|stop this>?", "What <choices|options> do {i} have?", "Do {i} have a choice about {mine}?",
            "Can {i} control how {mine} is used?", "What control do {i} have over {mine}?", "{Do} {org} let {me} choose?", "Is <my consent|permission> needed?", "What does a choice of {mine} apply to?",
            "Do {i} have <choice|control|a say> over the <collection|use|sharing> of {mine}?", "Does {my} choice apply to <third party|first party> <data collection|data use|sharing>?",
            "What <scope|type of data|kind of user> does {my} <choice|control> apply to?", "Can {i} <choose|decide> <whether to|not to|to> give {mine}?",
            "Will {org} <give|offer> {me} <choices|options|controls> for {my} data <collection|use|sharing>?", "What <choices|options|controls> {do} {org} <offer|give> {me} <on|for> <the use of|sharing> {mine}?",
            "How can {i} control the <use|collection|sharing> of {mine}?", "What should {i} do <if {i} want to opt out|to opt out|to withdraw consent>?",
            "Do {i} need to <opt in|agree|consent> before {mine} is <collected|shared|used>?", "{Do} {org} <allow|let> {me} <limit|restrict|refuse> the <use|sharing|collection> of {mine}?",
        ),
        "information": ("What can {i} <choose|refuse|control|opt out of>?", "What <choices|options> are there?"),
        "predicate": ("How can {i} opt out?", "What <choices|options> do {i} have?", "Can {i} <refuse|opt out|choose>?", "What happens if {i} opt out?"),
        "purpose": ("Why would {i} opt out?", "What can {i} choose?"), "condition": ("When can {i} opt out?", "What if {i} do not agree?"), "manner": ("How can {i} <opt out|choose|refuse>?",),
    },
    "act": {
        "predicate": ("What <can|should|must> {i} do?", "What do {i} have to do?", "How <can|do> {i} do this?"),
        "purpose": ("Why should {i} do this?", "What is it for?"), "condition": ("When <should|can> {i} do this?",), "manner": ("How <can|do> {i} do this?",),
    },
    "child": {"sentence": (
        "{Do} {org} <collect|keep|use> {plain} <from|about|of> <children|minors>?", "What about children?", "Are <children|minors> allowed to use the <site|service>?",
        "How is the {plain} of <children|minors> <treated|protected|handled>?", "What should parents <do|know>?",
    )},
    "cookie": {"sentence": (
        "{Do} {org} use cookies?", "How {do} {org} <track|recognize|follow> {me} <online|on the site|>?", "Why {do} {org} use cookies?", "What <is|gets> recorded automatically?",
        "{Do} {org} collect {plain} <automatically|without my knowledge|about my device>?", "How <are|can> cookies <used|be turned off>?",
    )},
    **HALVES,
}  # fmt: skip
_LIST = re.compile(r",| (?:and|or|such) ")
_PLAIN = ("information", "data", "information", "data", "details")
_PERSONAL = ("information", "data", "personal information", "personal data", "info", "private data")
MOST_TOPIC_WORDS = 6
BY_CATEGORY: dict[str, dict[str, tuple[str, ...]]] = {
    "share": {
        "information": (f"{{Do}} {{org}} {_SHARE_CALLED} {_OTHERS}?", f"{{Do}} {{org}} {_SHARE} {{called}}?", f"Can {_OTHERS} <see|get|access> {{called}}?", "Is {called} shared?"),
        "purpose": (f"{{Do}} {{org}} {_SHARE} {{info}} {{called}}?", f"{{Do}} {{org}} {_SHARE_INFO} {_OTHERS} {{called}}?", "Is {info} shared {called}?"),
        "recipient": ("{Do} {org} <share {info} with|disclose {info} to> {called}?", "Can {called} <see|get|access|use> {info}?", "Will {called} <get|receive|collect|have access to> {info}?"),
    },
    "collect": {
        "information": (f"{{Do}} {{org}} {_COLLECT} {{called}}?", f"Will {{org}} {_COLLECT} {{called}}?", "Is {called} <collected|recorded|stored>?", "{Do} {org} keep track of {called}?"),
        "purpose": (f"{{Do}} {{org}} {_COLLECT} {{info}} {{called}}?", "Is {info} collected {called}?"),
        "recipient": ("{Do} {org} get {info} from {called}?", "Will {called} collect {info}?"),
        "condition": (f"{{Do}} {{org}} {_COLLECT} {{info}} {{called}}?", "Is {info} collected {called}?", "{Do} {org} collect any <information|data> {called}?"),
    },
    "use": {
        "information": (f"{{Do}} {{org}} {_USE} {{called}}?", "Is {called} used?"),
        "purpose": ("{Do} {org} use {info} {called}?", "Is {info} used {called}?", "Will {info} be used {called}?"),
        "recipient": ("Will {called} use {info}?", "Can {called} <see|use|access> {info}?"),
    },
    "keep": {
        "information": ("{Do} {org} <keep|store|retain> {called}?", "Is {called} <kept|stored>?"),
        "purpose": ("{Do} {org} <keep|store|retain> {info} {called}?",),
    },
}  # fmt: skip
"""Questions that call the answer by the name of its category, {called}; see `categories`."""
CATEGORY_SHARE = 0.3
"""How often a part of a statement that belongs to a category is asked for by the name of it."""
YES_NO_SHARE = 0.5
"""How often any part of a statement is asked for with a yes-or-no question. Whoever asks "do you share my data?" is
answered by whatever the text says of sharing: to whom, what, why or when."""


def frame_question(stated: StatedAnswer, text: str, voice: Voice, rng: np.random.Generator) -> tuple[str, str] | None:
    """A question that the stated answer answers.

    Args:
        stated: the answer, and what its statement is about.
        text: the answer as written.
        voice: whose words the question uses.
        rng: chooses.

    Returns:
        The question and the name of its wording, such as "share/recipient/2"; None where the frame asks nothing about
        this part of its statement.
    """
    of_frame, kind = WORDINGS.get(stated.frame, {}), stated.span.kind
    if kind not in of_frame:
        return None
    wordings, by_category = of_frame[kind], BY_CATEGORY.get(stated.frame, {}).get(kind, ())
    name = None
    if stated.category is not None or (by_category and rng.random() < CATEGORY_SHARE):
        name = category_name(kind, text, rng)
    if name is not None:
        wordings, kind = by_category, f"category/{kind}"
    elif stated.category is not None:
        return None
    elif "action" in of_frame and rng.random() < YES_NO_SHARE:
        wordings, kind = of_frame["action"], "action"
    number = int(rng.integers(len(wordings)))
    wording = one_of_each(wordings[number], rng)
    personal = f"{voice.my} {one_of(_PERSONAL, rng)}"
    statement = stated.frame in HALVES
    topic = voice.reword_text(stated.topic if statement else _LIST.split(stated.topic)[0])
    of_data = stated.topic and category_of_noun("recipient", stated.topic) is None
    if statement or not of_data or len(stated.topic.split()) > MOST_TOPIC_WORDS or rng.random() < 0.4:
        info = personal
    else:
        topic_is_ours = topic.lower().startswith((voice.my + " ", "information", "data"))
        info = topic if topic_is_ours else f"{one_of((voice.my, voice.my, 'the'), rng)} {topic}"
    values = {
        "called": (name or "").format(my=voice.my, me=voice.me, i=voice.i), "do": voice.do, "Do": voice.do.capitalize(),
        "org": voice.org, "org_object": voice.org_object, "my": voice.my, "me": voice.me, "i": voice.i, "info": info, "mine": personal, "plain": one_of(_PLAIN, rng), "topic": topic,
    }  # fmt: skip
    question = " ".join(wording.format(**values).split()).replace(" ?", "?")
    return question[:1].upper() + question[1:], f"{stated.frame}/{kind}/{number}"
