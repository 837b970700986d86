import time
from records.models import Pull, Record
from patients.models import Connection
def test_try(world, start_worker):
    t=time.time()
    cs=[world.connect(f"p-{portal}-{u}", portal, u) for portal in world.sources for u in ("walter","anton")]
    print("signed in", time.time()-t)
    w=start_worker("--hurry")
    t=time.time(); done={}
    while len(done)<len(cs) and time.time()-t<120:
        for c in cs:
            p=c.pulls.get()
            if p.ended_at and c.pk not in done:
                done[c.pk]=1; print(c.patient.reference, round(time.time()-t,1), p.status, p.received, p.added, p.changed, p.faults, sum(s.pages for s in p.steps.all()), c.renewals.count(), p.turn)
        time.sleep(.2)
    print(w.stop()); print(w.output[-1500:])
    from procrastinate.contrib.django.models import ProcrastinateJob as J
    from django.db.models import Count
    print(J.objects.values_list("task_name","status").annotate(Count("pk")))
