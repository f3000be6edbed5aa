package paycore

import "context"

// OrderKey names an order.
type OrderKey struct{ Merchant, OrderNo string }

// Ends finds orders whose time is over. The store implements it.
type Ends interface {
	// EndedOrders lists orders that nobody paid before their end and that no
	// attempt may still pay, the earliest end first.
	EndedOrders(ctx context.Context, now int64, limit int) ([]OrderKey, error)
}

// endAtOnce bounds the orders that one call closes.
const endAtOnce = 500

// CloseEnded closes orders whose time is over, and returns how many it closed.
// What a payer may still be paying is closed by the desk, at its channel first.
func (c *Core) CloseEnded(ctx context.Context, ends Ends) (int, error) {
	list, err := ends.EndedOrders(ctx, c.now().UnixMicro(), endAtOnce)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	commands := make([]Command, len(list))
	for i, k := range list {
		commands[i] = CloseOrder{Merchant: k.Merchant, OrderNo: k.OrderNo}
	}
	results, err := c.Do(ctx, commands...)
	closed := 0
	for _, r := range results {
		if r.Effect == Done {
			closed++
		}
	}
	return closed, err
}
