"""Word lists of English: the closed classes, common verbs with their forms, cues for names. Data only.

They stand in for a tagger. What is not listed is taken for a noun or an adjective, which is right often enough.
"""

from __future__ import annotations

# ruff: noqa: E501 - tables of words read better unbroken


def word_set(text: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split())


ARTICLES = word_set("a an the")
POSSESSIVES = word_set("my your his her its our their whose")
DETERMINERS = (
    ARTICLES
    | POSSESSIVES
    | word_set("this that these those each every any some no all both such another either enough")
)
PRONOUNS = word_set(
    "i you he she it we they me him us them who whom which what that this these those there one ones himself herself "
    "itself themselves none yourself yourselves ourselves someone anyone everyone nobody something anything everything "
    "nothing others whoever whatever"
)
PREPOSITIONS = word_set(
    "of in on at by for with from to into onto upon about against between among through during before after above below "
    "under over within without throughout toward towards across behind beyond near since until till despite except "
    "regarding concerning including via per as like than around along outside inside off out up down amongst alongside"
)
CONJUNCTIONS = word_set("and or but nor yet so because although though while whereas if unless when where whether once")
MODALS = word_set("can could may might must shall should will would cannot")
BE = word_set("is are was were be been being am")
HAVE = word_set("has have had having")
DO = word_set("do does did")
AUXILIARIES = MODALS | BE | HAVE | DO
PLURALS = word_set("people children men women police")
"""Words for several without an s."""
ADVERBS = word_set(
    "please not also only very too then thus hence therefore however moreover furthermore often always never sometimes usually "
    "generally typically mostly mainly largely approximately about almost nearly already still just even again later "
    "soon now here there ever further instead rather quite perhaps well more most less least much far away back together "
    "today tomorrow yesterday otherwise likewise eventually finally initially originally previously subsequently currently recently once twice"
)
NOT_ADVERBS = word_set(
    "apply comply imply multiply rely reply supply family assembly subfamily anomaly monopoly butterfly belly jelly elderly "
    "friendly costly lively lovely lonely deadly orderly timely likely unlikely ugly silly holy early"
)
"""Words in -ly that are verbs, nouns or adjectives."""
CLOSED = DETERMINERS | PRONOUNS | PREPOSITIONS | CONJUNCTIONS | AUXILIARIES | ADVERBS
WITHOUT_CONTENT = CLOSED | word_set("s t etc i.e e.g how why")
"""Words that say nothing of what a sentence is about: all adverbs among them, which the stop words of `text` are not."""
# Adjectives and nouns that say nothing by themselves: no answer ends on them and no question rests on them.
ADJECTIVES = word_set(
    "big broken busy cheap clean clear closed cold cool correct dark dead deep dry early empty expensive fast fine flat free full good "
    "great green hard healthy heavy high hot huge ill large late light long loose loud low narrow near new next old open poor quick "
    "quiet rare raw ready rich safe sharp short shut sick slow small smooth soft special strong sure sweet thick thin tight true "
    "unused valid warm weak wet wide wrong young"
)
"""Common ones that are no nouns: no answer consists of one alone."""
EMPTY_NOUNS = word_set(
    "way ways thing things example examples case cases part parts number lot fact kind kinds type types following same "
    "other first last several many few various certain own new order addition result respect basis event extent time "
    "times use purpose purposes able due available necessary possible likely such subject accordance connection instance ability"
)

IRREGULAR = {
    "begin": "began begun", "become": "became", "bring": "brought", "build": "built", "buy": "bought", "break": "broke broken",
    "choose": "chose chosen", "come": "came", "draw": "drew drawn", "drive": "drove driven", "eat": "ate eaten",
    "fall": "fell fallen", "feel": "felt", "fight": "fought", "find": "found", "fly": "flew flown", "forget": "forgot forgotten",
    "get": "got gotten", "give": "gave given", "go": "went gone", "grow": "grew grown", "hear": "heard", "hold": "held",
    "keep": "kept", "know": "knew known", "lay": "laid", "lead": "led", "learn": "learned learnt", "leave": "left", "lend": "lent",
    "lie": "lay lain", "lose": "lost", "make": "made", "mean": "meant", "meet": "met", "overcome": "overcame", "pay": "paid",
    "ride": "rode ridden", "rise": "rose risen", "run": "ran", "say": "said", "see": "saw seen", "seek": "sought", "sell": "sold",
    "send": "sent", "shoot": "shot", "sing": "sang sung", "sink": "sank sunk", "speak": "spoke spoken", "spend": "spent",
    "stand": "stood", "strike": "struck", "swim": "swam swum", "take": "took taken", "teach": "taught", "tell": "told",
    "think": "thought", "throw": "threw thrown", "understand": "understood", "undertake": "undertook undertaken",
    "wear": "wore worn", "win": "won", "withdraw": "withdrew withdrawn", "write": "wrote written", "arise": "arose arisen",
    "bear": "bore borne", "bind": "bound", "deal": "dealt", "forbid": "forbade forbidden", "hide": "hid hidden", "sit": "sat",
    "put": "put", "set": "set", "cut": "cut", "let": "let", "cost": "cost", "hit": "hit", "read": "read", "split": "split",
    "spread": "spread", "beat": "beat beaten", "show": "showed shown", "prove": "proved proven", "rebuild": "rebuilt", "shut": "shut", "reset": "reset", "hang": "hung",
    "catch": "caught", "feed": "fed", "flee": "fled", "freeze": "froze frozen", "shake": "shook shaken", "steal": "stole stolen",
    "swear": "swore sworn", "sweep": "swept", "tear": "tore torn", "wake": "woke woken", "blow": "blew blown", "stick": "stuck",
}  # fmt: skip
REGULAR = word_set(
    "admit borrow refund reply vaccinate rent clean wash book park accept access accompany account achieve acquire act adapt add address adjust administer adopt advance advise affect "
    "aim allow analyze announce answer appear apply appoint approach approve argue arrange arrive ask assign assist "
    "associate assume attach attack attempt attend attract award base belong call cancel carry cause change charge check "
    "cite claim classify close collect combine commit communicate compare compete complete comply compose comprise "
    "conclude conduct confirm connect consider consist constitute construct contact contain continue contribute control "
    "convert correct cover create cross cultivate customize damage declare decline decrease deem defeat defend define "
    "delete deliver demand demonstrate deny depend derive describe design destroy detect determine develop die differ "
    "direct disable disappear disclose discontinue discover discuss display dissolve distribute divide dominate earn "
    "educate effect elect eliminate email emerge employ enable encounter encourage encrypt end enforce engage enhance "
    "ensure enter establish estimate evolve examine exceed exchange exclude execute exercise exist expand expect "
    "experience explain explore express extend face facilitate fail favor feature fill finish fix follow force form "
    "found fulfill function fund gain gather generate govern grant guarantee handle happen help honor host house "
    "identify implement imply improve include incorporate increase indicate influence inform inherit inhabit inspire "
    "install intend interact introduce invade invent invest investigate invite involve issue join judge kill lack last "
    "launch limit link list live locate log look love lower maintain manage manufacture mark match measure mention merge "
    "modify monitor move name need notify object observe obtain occupy occur offer open operate oppose opt order organize "
    "originate own participate pass perform permit persuade place plan play possess post predict prefer prepare present "
    "preserve prevent process produce prohibit promote propose protect prove provide publish purchase pursue reach react "
    "realize receive recognize recommend record recover reduce refer reflect refuse regard register regulate reject relate "
    "release rely remain remember remove rename render renew repair replace report represent request require research "
    "reserve reside resolve respect respond restore restrict result retain retire return reveal review revise revoke rule "
    "save search secure seem select separate serve settle shape share shift show sign signify sleep solve sponsor start "
    "state stay stop store strengthen study submit subscribe succeed suffer suggest supply support suppose surround "
    "survive target tend terminate test track trade train transfer transform transmit travel treat try turn unsubscribe "
    "update use utilize vary verify view violate visit vote wait want warn watch wish work yield "
    "abolish absorb activate adjourn agree amend archive arrest assemble bake blink block boil bury calculate clip "
    "compile compute configure conquer cook crash deactivate debate deduct depart deploy deposit diagnose dismiss "
    "download drag drain drop dry edit emigrate emit enact encode enrol enroll erode escape evaluate evaporate expire "
    "explode export fasten fetch flash flow fold graduate heal heat hire immigrate import imprison infect inject "
    "inspect insure invoice land lease lift lock loosen lubricate march marry melt migrate mix mount negotiate orbit "
    "owe paint peel postpone pour power prescribe press print pull push ratify recalculate refresh reimburse repeal "
    "reschedule resign restart rinse rotate round sail scan schedule score screw slide smell step stir surrender "
    "swipe switch synchronize talk tap taste tax tighten translate type unblock unlock unplug upgrade upload waive "
    "walk weigh wipe abandon acknowledge aid assure authorize avoid believe browse capture certify click decide designate "
    "donate erect expose focus guide integrate interpret isolate label load navigate note personalize preside promise raid "
    "raise recruit refine reinforce repeat rescue specify supervise suspect suspend threaten trace transport trust"
)  # fmt: skip
DOUBLED = word_set(
    "begin clip commit control cut drag drop emit enrol forbid forget get hit let log occur permit plan prefer put "
    "refer run scan set sit split step stop submit swim tap transfer transmit unplug win"
)  # fmt: skip
NOUN_VERBS = word_set(
    "aid capture click focus guide label load note promise raid raise rescue suspect trace transport trust "
    "rent book park clean permit stay access account act address aim answer approach attack attempt award base call cause change charge claim contact control "
    "cost cover damage decline demand design display effect email end estimate exchange exercise experience face feature "
    "force form function fund help host house increase influence issue judge lack last launch limit link list love lower "
    "mark match measure mention move name need object offer order own pass place plan play post present process purchase "
    "reach record release report request research reserve respect result return review rule save search set shape share "
    "shift show sign split spread stand start state stop store study supply support target test track trade train "
    "transfer turn update use view visit vote watch wish work yield read run win cut hit put view work account display "
    "block clip crash debate deposit download drag drain drop dry escape export express flash flow fold heat import "
    "invoice land lease lift lock march mix mount orbit paint power press print pull push reset round sail scan "
    "schedule score screw slide smell step switch talk tap taste tax type upgrade upload walk"
)


def s_form(verb: str) -> str:
    """The form for "it": uses, carries."""
    if verb.endswith(("s", "x", "z", "ch", "sh", "o")):
        return verb + "es"
    return verb[:-1] + "ies" if verb.endswith("y") and verb[-2] not in "aeiou" else verb + "s"


def _stem(verb: str) -> str:
    return verb + verb[-1] if verb in DOUBLED else verb.removesuffix("e") if not verb.endswith("ee") else verb


def _verb_forms() -> dict[str, tuple[str, str]]:
    """Form -> (base, one of "base", "s", "past", "ing"); "past" covers participles."""
    forms: dict[str, tuple[str, str]] = {}
    for base in sorted(REGULAR | set(IRREGULAR)):
        stem = _stem(base)
        forms.setdefault(base, (base, "base"))
        forms.setdefault(s_form(base), (base, "s"))
        forms.setdefault(base + "ing" if base in ("see", "die", "lie") else stem + "ing", (base, "ing"))
        if base in IRREGULAR:
            for past in IRREGULAR[base].split():
                forms[past] = (base, "past")
        else:
            past = (
                base[:-1] + "ied" if base.endswith("y") and base[-2] not in "aeiou" else stem.removesuffix("e") + "ed"
            )
            forms.setdefault(past, (base, "past"))
    return forms


VERB_FORMS = _verb_forms()


def is_base(word: str) -> bool:
    """Whether a word in lower case is a known verb in its base form, whatever else it is."""
    return VERB_FORMS.get(word, ("",))[0] == word


MONTHS = word_set("january february march april may june july august september october november december")
WEEKDAYS = word_set(
    "monday tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays saturdays sundays"
)
CURRENCY_CODES = word_set("EUR USD GBP CHF JPY CAD AUD NZD SEK NOK DKK PLN CZK INR CNY ZAR BRL MXN SGD HKD")
NUMBER_WORDS = word_set(
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion trillion dozen"
)
ORDINALS = word_set(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth"
)
TITLES = word_set(
    "mr mrs ms dr sir lord lady king queen prince princess emperor empress president chancellor minister general captain "
    "colonel professor pope bishop saint st senator governor count duke judge justice architect physicist astronaut author "
    "coach quarterback"
)
ORGANIZATION_CUES = word_set(
    "university college institute school academy company corporation corp inc ltd llc group bank party council committee "
    "commission department ministry agency association society union foundation museum library church club team league "
    "court parliament army navy network broadcasting press records systems assembly government congress federation "
    "authority board office bureau trust"
)
PLACE_CUES = word_set(
    "city river lake mountain mountains island islands street avenue road park county province state kingdom republic "
    "empire valley bay sea ocean desert station airport square palace stadium castle bridge forest north south east west "
    "region basin beach coast"
)
GIVEN_NAMES = word_set(
    "john james robert michael william david richard joseph thomas charles christopher daniel matthew anthony mark donald "
    "steven paul andrew joshua kenneth kevin brian george edward ronald timothy jason jeffrey ryan jacob gary nicholas "
    "eric stephen jonathan larry justin scott brandon benjamin samuel gregory frank alexander raymond patrick jack dennis "
    "jerry tyler aaron jose henry adam douglas nathan peter zachary kyle walter harold jeremy ethan carl keith roger "
    "gerald christian albert louis martin ernest fred philip victor hugh leonard mary patricia jennifer linda elizabeth "
    "barbara susan jessica sarah karen nancy lisa margaret betty sandra ashley dorothy kimberly emily donna michelle carol "
    "amanda melissa deborah stephanie rebecca laura helen anna emma marie alice ruth jane ann catherine isaac leo max "
    "nikola jean pierre jacques hans karl friedrich wilhelm johann antonio giovanni ivan vladimir muhammad ibn ali"
)
UNITS = {
    "how long": word_set("second seconds minute minutes hour hours day days week weeks month months year years decade decades "
                       "century centuries"),
    "how far": word_set("mile miles kilometre kilometres kilometer kilometers km meter meters metre metres feet foot ft yard "
                      "yards inch inches mm cm m mi"),
    "how fast": word_set("km/h kmh mph knots"),
    "how heavy": word_set("kg kilogram kilograms ton tons tonne tonnes pound pounds lb gram grams"),
    "how large": word_set("acre acres hectare hectares sq square"),
    "what temperature": word_set("degrees °c °f celsius fahrenheit kelvin k"),
}  # fmt: skip
ANTONYMS = {
    "first": "last", "last": "first", "largest": "smallest", "smallest": "largest", "highest": "lowest", "lowest": "highest",
    "before": "after", "after": "before", "more": "fewer", "most": "least", "least": "most", "increase": "decrease",
    "increased": "decreased", "decrease": "increase", "decreased": "increased", "north": "south", "south": "north",
    "east": "west", "west": "east", "northern": "southern", "southern": "northern", "eastern": "western", "western": "eastern",
    "oldest": "newest", "early": "late", "late": "early", "began": "ended",
    "won": "lost", "win": "lose", "defeated": "supported", "allowed": "forbidden", "allow": "forbid", "accept": "refuse",
    "accepted": "refused", "built": "destroyed", "build": "destroy", "joined": "left", "included": "excluded", "public": "private",
    "private": "public", "major": "minor", "minor": "major", "internal": "external", "external": "internal", "male": "female",
    "female": "male", "positive": "negative", "negative": "positive", "strong": "weak", "weak": "strong", "above": "below",
    "below": "above", "maximum": "minimum", "minimum": "maximum", "upper": "lower", "lower": "upper", "always": "never",
    "online": "offline", "anonymous": "named", "required": "forbidden", "voluntary": "compulsory", "automatically": "manually",
    "directly": "indirectly", "rich": "poor", "poor": "rich", "support": "oppose", "supported": "opposed",
}  # fmt: skip

CLASSES = word_set(
    "academy act agency agreement airport area army association award bank basin battle bay bill board book bowl bridge "
    "canal castle centre center century championship channel church city club code college commission committee company "
    "conference congress constitution convention corporation council county court department desert directive district "
    "dynasty empire factory federation festival forest foundation fund game government group hall hospital hotel house "
    "institute island judge king kingdom lake language law league library line magazine market ministry movement "
    "museum mountain mountains network newspaper ocean office organization parish park parliament party peninsula people "
    "plan plateau policy president prize program project province railway region republic revolution river road school "
    "sea season series service site society square state station store street studio study system team theatre theorem "
    "theory tower town treaty tribe union university valley village war"
)
"""Last words of names that say what is named: Liberal Party, Charles River."""
