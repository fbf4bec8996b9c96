"""HR policy: kinds of leave and benefits of an employer."""

from __future__ import annotations

from qa_pipeline.mock.domain import Domain, Topic, attribute
from qa_pipeline.mock.names import pool

LEAVE = Topic(
    name="leave",
    entities=("{leave} leave",),
    pronouns=("it", "this kind of leave", "such leave"),
    openings=(
        "This section of the handbook sets out {all}.",
        "Since the merger with {firm}, the rules for {all} have been the same at every site.",
    ),
    fillers=(
        "The handbook was approved in {town} on {date:2019-2024} after {words:3-12} weeks of talks.",
        "The works council, led by {forename} {surname}, has {words:5-15} members and meets at {clock:8-16}.",
        "In the last survey, {int:51-96}% of {int:150-990} employees had read the handbook.",
        "The staff canteen on {street} Street takes {money:3-12} for lunch until {clock:13-16}.",
        "A fine of {money:500-9000:100} was paid in {day:any} for records kept longer than {words:5-15} years.",
    ),
    attributes=(
        attribute("""
            entitlement: duration
            {int:3-40} [working |]days
            {words:2-19} weeks
            Employees are [entitled to|allowed|given] {v} of {e}.
            {e} amounts to {v} in a calendar year.
            Up to {v} may be taken as {e}.
            {e} amounts to {v}, while {e2} amounts to {v2}.
            How much {e} are employees [entitled to|allowed|given]?
            What is the entitlement to {e} in a calendar year?
            To how much time does {e} amount?
        """),
        attribute("""
            notice: duration
            {int:5-60:5} [calendar |]days
            {words:2-12} weeks
            {e} must be [requested|applied for|announced] {v} in advance.
            Managers need {v} of warning before {e} begins.
            A form for {e} has to reach the office {v} ahead.
            {e} must be requested {v} ahead, {e2} {v2} ahead.
            How long in advance must {e} be [requested|applied for]?
            How much warning do managers need before {e}?
            How far ahead does the form for {e} have to reach the office?
        """),
        attribute("""
            service: duration
            {words:2-18} months
            {words:2-9} years
            Only staff with {v} of service [qualify for|can take] {e}.
            {e} becomes available after {v} with the company.
            New recruits have to wait {v} until they may take {e}.
            {e} is open to staff after {v}, and {e2} after {v2}.
            How long must someone have [served|worked] before taking {e}?
            After what time with the company does {e} become available?
            How long do new recruits have to wait for {e}?
        """),
        attribute("""
            pay: percent
            {int:40-98}% [of salary|of basic pay|]
            [half|two thirds|three quarters|four fifths] of [salary|basic pay|average pay]
            During {e}, staff receive {v}.
            {e} is paid at {v}.
            The company goes on paying {v} to people on {e}.
            {e} is paid at {v} and {e2} at {v2}.
            At what rate is {e} paid?
            How much do staff receive during {e}?
            What does the company go on paying to people on {e}?
        """),
        attribute("""
            carry_over: date
            {day:any}
            Unused {e} [lapses|is lost|expires] on {v} of the next year.
            What is left of {e} can be carried over until {v}.
            {v} is the last day for using up {e} from the year before.
            Unused {e} lapses on {v}, and unused {e2} on {v2}.
            When does unused {e} [lapse|expire]?
            Until when can {e} be carried over?
            What is the last day for using up {e} from the year before?
        """),
        attribute("""
            approver: person
            {forename} {surname}
            the [head|director|deputy head] of [finance|operations|people services|compliance|sales]
            {v} [approves|decides on|signs off] {e}.
            Requests for {e} go to {v}.
            {e} is granted by {v}.
            {v} decides on {e}, and {v2} decides on {e2}.
            Who [approves|decides on|signs off] {e}?
            To whom do requests for {e} go?
            By whom is {e} granted?
        """),
        attribute("""
            evidence: phrase
            a [doctor's|dentist's|notary's|court] [letter|certificate|stamp]
            [a copy|a scan|two copies] of the [invitation|timetable|enrolment form|travel booking]
            [a signed|a written|a short] [statement|plan|report] from [the applicant|a colleague|the host]
            Anyone asking for {e} has to [hand in|supply|upload] {v}.
            {e} is refused without {v}.
            As proof for {e}, {v} is accepted.
            {v} is needed for {e}, {v2} for {e2}.
            What has to be handed in for {e}?
            Without what is {e} refused?
            What is accepted as proof for {e}?
        """),
        attribute("""
            refusal: clause
            if [two|three|four] colleagues [in the team|on the shift|at the site] are already away
            if the [year-end accounts|stock count|safety audit|product launch] [is under way|falls in the same month]
            if the [previous|last] [absence|request] [ended|was made] less than [a month|a year|ten weeks] ago
            if the employee is [on probation|under notice|on a fixed-term contract]
            {e} may be [postponed|turned down] {v}.
            The company can say no to {e} {v}.
            There is no right to {e} {v}.
            {e} can be refused {v}, and {e2} {v2}.
            When may {e} be [postponed|turned down]?
            In what case can the company say no to {e}?
            Under what condition is there no right to {e}?
        """),
    ),
)

BENEFITS = Topic(
    name="benefits",
    entities=("the {benefit}",),
    pronouns=("it", "this benefit", "the scheme"),
    openings=(
        "New colleagues may join {all}.",
        "The benefits team has compared {all}.",
    ),
    fillers=(
        "The benefits portal went live on {date:2016-2023} and logs people out after {int:5-45:5} minutes.",
        "The team of {words:3-12} is led by {forename} {surname} and sits in {town}.",
        "Office plants cost {money:500-9000:100} a year, watered by {firm} Gardens every {words:2-9} days.",
        "Questions are answered between {clock:7-11} and {clock:14-19} on {day:week}s.",
        "Last year {int:12-88}% of staff logged in, most of them on {date:2022-2024}.",
    ),
    attributes=(
        attribute("""
            cap: money
            {money:300-9500:50}
            The [most|maximum] that anyone can claim from {e} is {v}.
            {e} is capped at {v} per person.
            Claims on {e} may not go above {v}.
            {e} is capped at {v}, {e2} at {v2}.
            What is the most that anyone can claim from {e}?
            At what amount is {e} capped?
            How high may claims on {e} go?
        """),
        attribute("""
            employee_share: money
            {money:4-290}
            Staff pay {v} a month into {e}.
            Joining {e} costs an employee {v} per month.
            {v} is taken from the monthly wage of anyone in {e}.
            Staff pay {v} a month for {e} and {v2} for {e2}.
            What do staff pay a month into {e}?
            How much does joining {e} cost an employee?
            How much is taken from the monthly wage for {e}?
        """),
        attribute("""
            employer_share: percent
            {int:5-95}%
            {decimal:2-20}%
            The company [bears|covers|adds] {v} of the cost of {e}.
            The employer's part in {e} is {v}.
            {v} of {e} is met from company funds.
            The company bears {v} of {e} and {v2} of {e2}.
            What part of {e} does the company [bear|cover]?
            How large is the employer's part in {e}?
            How much of {e} is met from company funds?
        """),
        attribute("""
            enrolment: date
            {date:2024-2027}
            The window for joining {e} closes on {v}.
            Nobody can sign up for {e} after {v}.
            {v} is the deadline for entering {e}.
            Sign up for {e} by {v} and for {e2} by {v2}.
            By when must staff sign up for {e}?
            What is the deadline for entering {e}?
            When does the window for joining {e} close?
        """),
        attribute("""
            provider: organization
            {firm} [Life|Mutual|Services|Wellbeing]
            {v} [runs|administers|provides] {e}.
            {e} is [run|handled] by {v} on behalf of the company.
            The contract for {e} went to {v}.
            {v} handles {e}, and {v2} handles {e2}.
            [Who|Which company] [runs|administers|provides] {e}?
            To which provider did the contract for {e} go?
            By whom is {e} handled on behalf of the company?
        """),
        attribute("""
            members: number
            {int:40-990} [employees|colleagues|people]
            {e} [has|counts] {v} at present.
            So far {v} have joined {e}.
            Membership of {e} stands at {v}.
            {v} are in {e} and {v2} in {e2}.
            How many people have joined {e}?
            What does membership of {e} stand at?
            How many members does {e} count?
        """),
        attribute("""
            contact: person
            {forename} {surname}
            {v} answers questions about {e}.
            The contact for {e} is {v}.
            Anyone interested in {e} should write to {v}.
            Write to {v} about {e} and to {v2} about {e2}.
            Who answers questions about {e}?
            Who is the contact for {e}?
            To whom should anyone interested in {e} write?
        """),
        attribute("""
            processing: duration
            {int:3-45} [working |]days
            {words:2-9} weeks
            Claims on {e} are paid out [within|after] {v}.
            It takes {v} to get money back from {e}.
            {e} needs {v} to settle a claim.
            {e} pays out within {v}, {e2} within {v2}.
            How long does it take {e} to settle a claim?
            Within what time are claims on {e} paid out?
            How quickly does one get money back from {e}?
        """),
        attribute("""
            lost: clause
            if [a member|someone] [resigns|retires early|moves abroad] before [June|the year is out|the second payment]
            if [two|three] [payments|forms|deadlines] are missed
            if the [receipts|papers|figures] turn out to be [false|incomplete|out of date]
            if [working hours|earnings] fall below [half|a third|a quarter] of the [usual|agreed] level
            The right to {e} is lost {v}.
            People drop out of {e} {v}.
            Membership of {e} is withdrawn {v}.
            The right to {e} is lost {v}, that to {e2} {v2}.
            When is the right to {e} lost?
            In what case do people drop out of {e}?
            Under what condition is membership of {e} withdrawn?
        """),
    ),
)

HR_POLICY = Domain(
    name="hr_policy",
    description="Staff handbook rules: kinds of leave, benefits, notice, pay, approval and conditions.",
    keywords=("hr", "leave", "employee", "staff", "benefit", "salary", "policy", "handbook", "vacation", "personnel"),
    titles=(
        "{firm} [Staff Handbook|Employee Handbook|HR Policy], {town}",
        "[Leave and benefits|People policy] at {firm}",
    ),
    pools={
        "leave": pool("""
            parental, study, compassionate, sabbatical, jury, moving-house, carer, volunteering, wedding, military,
            adoption, sports, exam, religious, convalescent, civic, election, unpaid, birthday, relocation, medical,
            emergency, research, language, mentoring, fostering, harvest, wellness, pilgrimage, donor
        """),
        "benefit": pool("""
            cycle scheme, pension top-up, dental plan, gym allowance, childcare voucher, travel card, share plan,
            eye care plan, home office grant, meal voucher, car pool, language bursary, life cover, saving club,
            holiday fund, tool loan, book allowance, parking permit, health check plan, music subsidy,
            season ticket loan, phone allowance, laptop purchase plan, garden club, energy bonus, theatre card,
            rent deposit loan, swimming pass, hardship fund, coaching budget
        """),
    },
    topics=(LEAVE, BENEFITS),
)
