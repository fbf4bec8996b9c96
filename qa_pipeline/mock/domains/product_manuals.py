"""Product manuals: household appliances and the fault codes that they show."""

from __future__ import annotations

from qa_pipeline.mock.domain import Domain, Topic, attribute
from qa_pipeline.mock.names import pool

APPLIANCES = Topic(
    name="appliances",
    entities=("the {brand} {appliance}",),
    pronouns=("it", "the appliance", "this model"),
    openings=(
        "This chapter covers {all}.",
        "The following notes apply to {all}, which share one packing list.",
    ),
    fillers=(
        "The box was designed by {forename} {surname} and weighs {decimal:1-4} kg when empty.",
        "The printed guide has {int:24-180} pages and was revised on {date:2019-2024}.",
        "The help line in {town} opens at {clock:7-10} and answers within {words:2-9} minutes.",
        "A spare mains lead costs {money:6-28} and is {decimal:1-4} metres long.",
        "The dealer network of {firm} Retail has {int:40-400} shops and offers returns for {int:14-60} days.",
    ),
    attributes=(
        attribute("""
            warranty: duration
            {words:2-12} years
            {int:14-60} months
            {e} [comes with|carries] a guarantee of {v}.
            Faults in {e} are put right free of charge for {v}.
            The warranty on {e} [lasts|runs for] {v}.
            {e} is under guarantee for {v}, {e2} for {v2}.
            How long is the [warranty|guarantee] on {e}?
            For how long are faults in {e} put right free of charge?
            How long is {e} covered by the maker?
        """),
        attribute("""
            warm_up: duration
            {int:20-95:5} seconds
            {words:2-15} minutes
            {e} needs {v} to get ready after being switched on.
            Once plugged in, {e} is ready for use in {v}.
            Allow {v} for {e} to warm up.
            {e} is ready in {v}, {e2} in {v2}.
            How long does {e} need to [get ready|warm up]?
            In what time is {e} ready for use once plugged in?
            How much time should be allowed before {e} is ready?
        """),
        attribute("""
            cleaning: duration
            every {words:2-12} [weeks|months]
            after every {int:15-90:5} uses
            {e} should be [descaled|deep-cleaned] {v}.
            A [thorough|full] clean of {e} is due {v}.
            {v}, {e} has to be taken apart and washed.
            {e} needs a full clean {v}, and {e2} {v2}.
            How often should {e} be [descaled|deep-cleaned]?
            When is a thorough clean of {e} due?
            How frequently does {e} have to be taken apart and washed?
        """),
        attribute("""
            price: money
            {money:35-980}
            {e} [sells for|retails at|costs] {v}.
            The recommended price of {e} is {v}.
            Shops ask {v} for {e}.
            {e} sells for {v}, while {e2} sells for {v2}.
            How much does {e} cost?
            What is the recommended price of {e}?
            What do shops ask for {e}?
        """),
        attribute("""
            spare_part: money
            {money:4-60}
            A replacement [filter|seal] for {e} costs {v}.
            A new [filter|seal] kit for {e} can be ordered at {v}.
            When the seals of {e} wear out, a set can be bought for {v}.
            A spare seal is {v} for {e} and {v2} for {e2}.
            What does a replacement part for {e} cost?
            How much is a [new kit|set of spare seals] for {e}?
            At what price can spare parts for {e} be ordered?
        """),
        attribute("""
            weight: number
            {decimal:1-19} kg
            {int:900-9500:50} grams
            {e} weighs {v}.
            Unpacked, {e} tips the scales at {v}.
            The weight of {e} is {v}.
            {e} weighs {v} and {e2} {v2}.
            How much does {e} weigh?
            What is the weight of {e}?
            How heavy is {e} when unpacked?
        """),
        attribute("""
            noise: number
            {int:28-88} decibels
            {e} is rated at {v} under full load.
            At its loudest, {e} reaches {v}.
            The noise of {e} does not go beyond {v}.
            {e} reaches {v} and {e2} {v2}.
            How loud is {e}?
            What noise level does {e} reach?
            What sound level is {e} rated at under full load?
        """),
        attribute("""
            factory: place
            {town}
            the {street} Road [plant|works]
            {e} is [assembled|built|made] in {v}.
            The factory in {v} [turns out|produces] {e}.
            Production of {e} takes place in {v}.
            {e} is made in {v}, {e2} in {v2}.
            Where is {e} [assembled|built|made]?
            In which place does production of {e} take place?
            What is the location of the factory that makes {e}?
        """),
        attribute("""
            released: date
            {date:2012-2024}
            {e} [came onto the market|went on sale|was launched] on {v}.
            Buyers could first get {e} on {v}.
            The first delivery of {e} left the factory on {v}.
            {e} was launched on {v}, {e2} on {v2}.
            When [was {e} launched|did {e} go on sale]?
            On what date could buyers first get {e}?
            When did the first delivery of {e} leave the factory?
        """),
        attribute("""
            cleaner: phrase
            [warm water|a damp cloth|a soft brush] and [mild soap|baking soda|a little vinegar]
            [lukewarm|diluted] [lemon juice|vinegar|soapy water]
            a [dry|lint-free|microfibre] cloth
            the [blue|white|grey] [pad|tablet|brush] from the [lid|side pocket|starter kit]
            Wipe {e} with {v} [only|after use|each evening].
            To clean {e}, use {v}.
            {v} is all that may touch the surface of {e}.
            Clean {e} with {v} and {e2} with {v2}.
            With what should {e} be [wiped|cleaned]?
            What should be used to clean {e}?
            What is all that may touch the surface of {e}?
        """),
        attribute("""
            forbidden: clause
            because the [motor|coil|hinge|pump] [overheats|seizes up|jams] [within seconds|without warning|when tilted]
            because [steam|grease|dust] [blocks the vents|damages the sensor|gets into the bearings]
            because its [coating|seal|glass lid] [cracks|peels|softens] [in the cold|above the stated heat|over time]
            Never run {e} [empty|outdoors|upside down] {v}.
            The maker warns against [covering|lifting|moving] {e} in use {v}.
            {e} must not be left on overnight {v}.
            {e} must not be left on {v}, and {e2} {v2}.
            What reason is given for the warning about {e}?
            Why does the maker warn users of {e}?
            Why must users be careful with {e}?
        """),
    ),
)

FAULTS = Topic(
    name="faults",
    entities=("[code|fault|error] [E|F|H|P]{int:10-99}",),
    pronouns=("it", "this code", "the code"),
    openings=(
        "The display of the {brand} {appliance} may show {all}.",
        "Owners of the {brand} {appliance} most often report {all}.",
    ),
    fillers=(
        "The display itself is {int:3-19} cm wide and goes dark after {int:10-55:5} minutes.",
        "A service visit takes {words:2-5} hours and is free until {date:2025-2028}.",
        "The service log in {town} lists {int:200-900} calls, most of them taken by {forename} {surname}.",
        "The memory holds the last {words:6-20} messages and costs {money:20-90} to replace.",
        "Software was last updated on {date:2021-2024} by a team of {words:3-12}.",
    ),
    attributes=(
        attribute("""
            meaning: phrase
            [a blocked|an empty|a leaking] [water tank|drip tray|filter]
            [a worn|a loose|a broken] [belt|hinge|door switch|cable]
            too [much|little] [steam|pressure|water] in the [boiler|pump|hose]
            [a failed|a dirty|a wet] [sensor|contact|circuit board]
            {e} [stands for|points to|means] {v}.
            The cause of {e} is {v}.
            When {e} comes up, the machine has detected {v}.
            {e} stands for {v}, while {e2} stands for {v2}.
            What does {e} [mean|stand for|point to]?
            What is the cause of {e}?
            What has the machine detected when {e} comes up?
        """),
        attribute("""
            remedy: phrase
            [unplug|tilt|empty] the machine and [wait|press reset|close the lid]
            [rinse|replace|dry] the [filter|nozzle|tray|seal]
            hold the [left|right|middle] [button|key] until [the light turns green|a tone sounds|the fan stops]
            tighten the [rear|lower|upper] [screw|clamp|valve] by [half a turn|a quarter turn]
            To clear {e}, {v}.
            If {e} shows, {v}.
            The cure for {e}: {v}.
            To clear {e}, {v}; to clear {e2}, {v2}.
            What should be done to clear {e}?
            What is the cure for {e}?
            How can a user get rid of {e}?
        """),
        attribute("""
            cooling: duration
            {int:5-95:5} minutes
            {words:2-9} hours
            After {e}, leave the machine off for {v}.
            {e} locks the controls for {v}.
            Wait {v} before starting again after {e}.
            Leave the machine off for {v} after {e} and for {v2} after {e2}.
            How long should the machine be left off after {e}?
            For how long does {e} lock the controls?
            How long must a user wait before starting again after {e}?
        """),
        attribute("""
            repair_price: money
            {money:25-480}
            A repair of {e} by the workshop costs {v}.
            Out of guarantee, mending {e} is charged at {v}.
            Expect a bill of {v} if {e} needs an engineer.
            A repair costs {v} for {e} and {v2} for {e2}.
            What does a repair of {e} cost?
            How much is charged for mending {e} out of guarantee?
            What bill should an owner expect if {e} needs an engineer?
        """),
        attribute("""
            signal: number
            {words:2-12} [beeps|flashes|short tones]
            {e} is announced by {v}.
            Along with {e} there are {v}.
            {v} accompany {e}.
            {v} go with {e}, and {v2} go with {e2}.
            By what signal is {e} announced?
            How many signals go along with {e}?
            What accompanies {e}?
        """),
        attribute("""
            page: number
            page {int:12-190}
            section {decimal:2-19}
            {v} of the long guide explains {e} in full.
            Read more about {e} on {v}.
            A drawing that belongs to {e} is found on {v}.
            {e} is explained on {v}, {e2} on {v2}.
            Where in the guide is {e} explained?
            In which part of the guide can one read more about {e}?
            Where is the drawing that belongs to {e}?
        """),
        attribute("""
            specialist: person
            {forename} {surname}
            {v} at the workshop deals with {e}.
            For help with {e}, ask {v}.
            Owners who see {e} should call {v}.
            Ask {v} about {e} and {v2} about {e2}.
            Who deals with {e} at the workshop?
            Who should be called about {e}?
            Which person should owners ask for help with {e}?
        """),
        attribute("""
            danger: clause
            because the [casing|steam pipe|plate] [stays hot|may be live|can burst]
            because [water|gas|oil] [can leak|may collect inside|drips onto the wiring]
            because a [restart|power cut|second attempt] [would burn the fuse|can wipe the memory|bends the shaft]
            {e} must never be ignored {v}.
            Nobody should touch the machine during {e} {v}.
            The maker treats {e} as urgent {v}.
            {e} is urgent {v}, and {e2} {v2}.
            Why must {e} never be ignored?
            Why does the maker treat {e} as urgent?
            For what reason is {e} dangerous?
        """),
        attribute("""
            frequency: percent
            {int:2-60}%
            {decimal:1-30}%
            {e} makes up {v} of all reports.
            In {v} of the cases that are reported, the display shows {e}.
            Of everything that owners report, {v} is {e}.
            {e} makes up {v} of reports and {e2} {v2}.
            What share of all reports does {e} make up?
            How much of everything that owners report is {e}?
            In what proportion of reported cases does the display show {e}?
        """),
    ),
)

PRODUCT_MANUALS = Domain(
    name="product_manuals",
    description="User manuals of household appliances: care, figures, prices, guarantees and fault codes.",
    keywords=("manual", "product", "appliance", "device", "warranty", "fault", "repair", "cleaning", "troubleshooting"),
    titles=(
        "{brand} [User Manual|Owner's Guide|Service Notes], {town} edition",
        "[Manual|Handbook] for {brand} and {brand} appliances",
    ),
    pools={
        "brand": pool("""
            Corvane, Lumera, Brixel, Tansu, Oreva, Quillon, Vastra, Nordel, Pelmo, Zephira, Kolvar, Marvane, Dorsel,
            Ferrix, Aquilo, Hestra, Jovell, Sorvino, Trimex, Wexley, Ardenne, Bellamont, Cintra, Elvado, Granto
        """),
        "appliance": pool("""
            kettle, toaster, espresso machine, blender, air fryer, vacuum cleaner, washing machine, dishwasher,
            dehumidifier, rice cooker, steam iron, food processor, bread maker, juicer, slow cooker, fan heater,
            water filter, sewing machine, ice maker, waffle iron, hand mixer, coffee grinder, popcorn maker,
            electric grill, carpet washer, yoghurt maker, meat slicer, pressure cooker, hair dryer, tumble dryer
        """),
    },
    topics=(APPLIANCES, FAULTS),
)
