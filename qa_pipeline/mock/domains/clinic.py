"""Clinic: services of a health centre and leaflets about medicines."""

from __future__ import annotations

from qa_pipeline.mock.domain import Domain, Topic, attribute
from qa_pipeline.mock.names import pool

SERVICES = Topic(
    name="services",
    entities=("the {service}",),
    pronouns=("it", "this service", "the service"),
    openings=(
        "This page [describes|covers|sums up] {all} as they are run at the {town} site.",
        "Patients [often ask|have asked] about {all}, so the main facts are set out here.",
    ),
    fillers=(
        "The waiting area was repainted on {date:2018-2023} and now seats {int:20-90} people.",
        "Parking at the front costs {money:2-9} for [two|three] hours and is free after {clock:17-20}.",
        "The reception desk, run by {forename} {surname}, closes at {clock:16-19} on {day:week}s.",
        "A mobile screening van from {town} stopped here for {words:3-9} weeks and saw {int:110-900} visitors.",
        "The roof repairs took {words:4-11} months and cost {money:3000-90000:500}.",
    ),
    attributes=(
        attribute("""
            fee: money
            {money:15-190}
            [Private patients|People without a referral] pay {v} for {e}.
            {e} [costs|is priced at|is charged at] {v}.
            The bill for {e} comes to {v}.
            {e} costs {v}, [while|whereas] {e2} costs {v2}.
            Patients pay {v} for {e} and {v2} for {e2}.
            How much [does {e} cost|do patients pay for {e}]?
            What is the [price of|fee for|charge for] {e}?
            What would I have to pay for {e}?
        """),
        attribute("""
            missed_charge: money
            {money:10-95}
            [Anyone|A patient] who fails to turn up for {e} is billed {v}.
            Not attending {e} without warning leads to a penalty of {v}.
            A no-show at {e} is fined {v}.
            Missing {e} is penalised with {v}, and missing {e2} with {v2}.
            What is the penalty for [missing|not attending] {e}?
            How much is billed if a patient does not turn up for {e}?
            What does a no-show at {e} cost?
        """),
        attribute("""
            length: duration
            {int:10-95:5} minutes
            {words:2-6} hours
            {e} [takes|lasts|runs for] [about |around |]{v}.
            Please set aside {v} for {e}.
            A slot of {v} is booked for {e}.
            {e} lasts {v}, [but|while] {e2} is over in {v2}.
            How long does {e} [take|last]?
            How much time should be set aside for {e}?
            What is the length of {e}?
        """),
        attribute("""
            wait: duration
            {words:2-14} [weeks|days]
            {int:15-60} days
            The queue for {e} is [currently |now |]{v} long.
            After a referral, patients wait {v} for {e}.
            It is {v} before a new request for {e} can be met.
            The waiting list is {v} for {e} and {v2} for {e2}.
            How long is the [queue|waiting list] for {e}?
            How long do patients have to wait for {e} after a referral?
            What is the current wait for {e}?
        """),
        attribute("""
            lead: person
            Dr {forename} {surname}
            {forename} {surname}
            {v} [runs|leads|is in charge of] {e}.
            {e} is [led|run|overseen] by {v}.
            The clinician responsible for {e} is {v}.
            {v} looks after {e}, and {v2} looks after {e2}.
            Who [runs|leads|is in charge of] {e}?
            Which clinician is responsible for {e}?
            What is the name of the person who oversees {e}?
        """),
        attribute("""
            room: place
            room {int:2-89}
            the [east|west|north|south] wing
            the {street} Street [annexe|building|surgery]
            the {town} [branch|outpatient unit]
            {e} is [held|offered|provided] in {v}.
            For {e}, go to {v}.
            Staff in {v} provide {e}.
            {e} is held in {v}, {e2} in {v2}.
            Where is {e} [held|offered]?
            Where should patients go for {e}?
            In which [place|location] is {e} provided?
        """),
        attribute("""
            start: time
            {clock:7-12}
            {clock:12-19}
            {e} [starts|begins|opens] at {v}.
            The doors for {e} open at {v} sharp.
            The first patients for {e} are seen at {v}.
            {e} begins at {v} and {e2} at {v2}.
            At what time does {e} [start|begin|open]?
            When in the day are the first patients for {e} seen?
            What is the starting time of {e}?
        """),
        attribute("""
            bring: phrase
            a list of [current medicines|known allergies|recent operations]
            [loose|warm|comfortable] clothing and [a water bottle|flat shoes|reading glasses]
            [a photo card|proof of address|an insurance letter] and [a stamped form|two signed copies]
            the [blue|red|green] [record book|appointment card]
            a [urine sample|food diary|symptom chart] from [the same morning|the past week|the day before]
            Patients [coming|who come] for {e} should bring {v}.
            For {e}, {v} must be brought along.
            Nobody is admitted to {e} without {v}.
            Bring {v} to {e} and {v2} to {e2}.
            What should patients bring to {e}?
            What must be brought along for {e}?
            Without what is nobody admitted to {e}?
        """),
        attribute("""
            paused: clause
            because [two nurses|the specialist|half the team] [left|moved away|fell ill] in {day:any}
            because the [ceiling|heating|water supply] [failed|had to be replaced|was found unsafe]
            because [new equipment|a spare scanner|the software] [arrived late|had not been tested|was faulty]
            because [too few people signed up|the funding ran out|an inspection was due]
            {e} was [paused|suspended|stopped] for a while {v}.
            There was a gap in {e} last spring {v}.
            {e} was suspended {v}, and {e2} {v2}.
            Why was {e} [paused|suspended|stopped]?
            For what reason was {e} [interrupted|suspended]?
            What was the reason for the gap in {e}?
        """),
    ),
)

MEDICINES = Topic(
    name="medicines",
    entities=("{drug}",),
    pronouns=("it", "this medicine", "the medicine"),
    openings=(
        "The pharmacy [stocks|dispenses|keeps] {all} for the clinic.",
        "This leaflet compares {all}.",
    ),
    fillers=(
        "The pharmacy counter opened on {date:2012-2021} and is staffed by {words:3-9} people.",
        "A survey of {int:120-950} patients in {town} found that {int:31-88}% read the leaflet.",
        "Unused packs may be returned within {words:2-9} weeks to {forename} {surname} at the desk.",
        "Delivery to the door takes {words:2-6} days and costs {money:2-12}.",
        "The leaflet was last printed in {town} on {date:2020-2024}.",
    ),
    attributes=(
        attribute("""
            dose: number
            {int:5-95:5} mg
            {int:100-950:50} mg
            {words:2-6} [drops|capsules|tablets]
            The [usual|starting|standard] dose of {e} is {v}.
            Adults [begin|start] {e} with {v}.
            Doctors commonly prescribe {v} of {e}.
            Adults start {e} with {v} and {e2} with {v2}.
            What is the [usual|starting|standard] dose of {e}?
            How much {e} do adults start with?
            What amount of {e} is commonly prescribed?
        """),
        attribute("""
            maximum: number
            {int:1000-4800:100} mg
            {words:7-16} [drops|capsules|tablets]
            No more than {v} of {e} may be taken in a day.
            The daily limit for {e} is {v}.
            Going above {v} of {e} within 24 hours is dangerous.
            The daily limit is {v} for {e} and {v2} for {e2}.
            What is the daily limit for {e}?
            What is the most {e} that may be taken in a day?
            Above what amount is {e} dangerous?
        """),
        attribute("""
            onset: duration
            {int:10-55:5} minutes
            {words:2-9} hours
            {e} [starts to work|takes effect|brings relief] within {v}.
            Most people feel the effect of {e} after {v}.
            Relief from {e} can be expected in {v}.
            {e} acts within {v}, {e2} within {v2}.
            How quickly does {e} [take effect|start to work]?
            After how long do most people feel the effect of {e}?
            When can relief from {e} be expected?
        """),
        attribute("""
            course: duration
            {words:3-12} [weeks|days]
            {words:2-9} months
            A [full |complete |]course of {e} [lasts|runs for] {v}.
            {e} should be taken for {v} even if symptoms fade.
            Treatment with {e} goes on for {v}.
            Treatment goes on for {v} with {e} and for {v2} with {e2}.
            How long does a course of {e} last?
            For how long should {e} be taken?
            How long does treatment with {e} go on?
        """),
        attribute("""
            maker: organization
            {firm} [Laboratories|Pharma|Biologics]
            {firm} and {firm}
            {v} [makes|manufactures|produces] {e}.
            {e} is [made|manufactured|supplied] by {v}.
            The licence for {e} is held by {v}.
            {e} comes from {v}, whereas {e2} comes from {v2}.
            [Who|Which company] [makes|manufactures|produces] {e}?
            Who holds the licence for {e}?
            From which company does {e} come?
        """),
        attribute("""
            storage: phrase
            in [the fridge|a locked cupboard|a dry drawer]
            [below|under] {int:8-30} degrees and [away from light|out of reach of children]
            in [its|the] original [bottle|box|foil] with the [lid|seal] closed
            on a [cool|dark|high] shelf
            {e} [must|should|has to] be kept {v}.
            Keep {e} {v}.
            At home, {e} belongs {v}.
            Keep {e} {v} and {e2} {v2}.
            [How|Where] should {e} be [kept|stored]?
            What is the right way to store {e}?
            Where does {e} belong at home?
        """),
        attribute("""
            side_effect: phrase
            [mild|passing|severe] [headaches|dizziness|itching|tiredness]
            [a dry mouth|blurred vision|a loss of taste]
            [swollen|aching|trembling] [hands|ankles|joints]
            [poor sleep|vivid dreams|stomach cramps] and [a raised pulse|a skin rash|thirst]
            The most [common|frequent] side effect of {e} is {v}.
            Some people who take {e} report {v}.
            {e} can [cause|lead to|bring on] {v}.
            {e} can cause {v}, and {e2} can cause {v2}.
            What is the most common side effect of {e}?
            What do some people who take {e} report?
            What unwanted effect can {e} have?
        """),
        attribute("""
            approved: date
            {date:2001-2023}
            {e} was [approved|licensed|cleared for use] on {v}.
            Regulators gave {e} the go-ahead on {v}.
            Approval of {e} dates from {v}.
            {e} was approved on {v}; {e2} on {v2}.
            When was {e} [approved|licensed|cleared for use]?
            On what date did regulators give {e} the go-ahead?
            From when does the approval of {e} date?
        """),
        attribute("""
            avoid: clause
            because it [weakens|strengthens|cancels] the effect of [blood thinners|insulin|iron tablets]
            because [sunlight|alcohol|grapefruit juice] [makes it stronger|turns it harmful|stops it working]
            because it [raises|lowers] [blood pressure|the pulse|blood sugar] [at night|too quickly|without warning]
            [Pregnant women|Drivers|Older people] should avoid {e} {v}.
            Doctors [hesitate|are slow] to combine {e} with other drugs {v}.
            Caution is needed with {e} {v}, and with {e2} {v2}.
            Why should some people avoid {e}?
            For what reason is caution needed with {e}?
            Why do doctors take care with {e}?
        """),
    ),
)


CLINIC = Domain(
    name="clinic",
    description="Services of a health centre, their fees, times and staff, and leaflets about medicines.",
    keywords=("clinic", "health", "medical", "patient", "doctor", "medicine", "pharmacy", "hospital", "appointment"),
    titles=(
        "{town} [Health Centre|Medical Practice|Clinic]: [patient guide|services and medicines|handbook]",
        "[Guide|Information] for patients of Dr {surname}, {town}",
    ),
    pools={
        "service": pool("""
            asthma review, travel vaccination clinic, minor surgery session, diabetes check, hearing test,
            blood pressure check, physiotherapy class, sleep study, skin examination, allergy test, foot care session,
            eye screening, memory assessment, smoking cessation course, antenatal class, baby weighing hour,
            bone density scan, wound dressing service, pain management course, dietitian consultation,
            speech therapy session, flu vaccination evening, heart rhythm recording, weight loss programme,
            joint injection clinic, cervical screening, menopause advice hour, migraine consultation,
            stroke recovery group, balance training, lung function test, knee rehabilitation class,
            hand therapy session, thyroid check, anxiety workshop
        """),
        "drug": pool("""
            Velorin, Candoxil, Breltane, Morphadine, Sulvexa, Toradon, Quillane, Hexamir, Nabrilol, Ostravin,
            Pellidex, Ruvasta, Zentiral, Ambrofen, Calvidone, Dextrapol, Evalune, Fenolate, Glycorix, Ibrosan,
            Jalvetin, Kerafil, Lometral, Merivan, Nostrelle, Oxaviren, Prolanta, Rendopar, Silvamine, Tarvexin
        """),
    },
    topics=(SERVICES, MEDICINES),
)
