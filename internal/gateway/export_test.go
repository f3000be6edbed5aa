package gateway

import "context"

// WorkHere does what Work does, in the caller's goroutine: a simulated crash
// ends it where it stands.
func (d *Desk) WorkHere(ctx context.Context) error {
	if _, err := d.follow(ctx); err != nil {
		return err
	}
	for _, l := range d.lines {
		tasks, err := d.tasks.ClaimTasks(ctx, l.name, d.opt.Now(), 3*d.opt.Call, 100)
		if err != nil {
			return err
		}
		for _, t := range tasks {
			if err := notMoved(d.step(ctx, &t)); err != nil {
				return err
			}
		}
	}
	return nil
}
