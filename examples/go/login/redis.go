package login

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis is the State of a program of several processes (Redis 6.2 or newer, or
// Valkey).
type Redis struct{ client *redis.Client }

// NewRedis connects to a URL such as redis://127.0.0.1:6379/0.
func NewRedis(ctx context.Context, url string) (*Redis, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("the Redis URL is not one") // it may hold a password
	}
	r := &Redis{redis.NewClient(options)}
	if err := r.client.Ping(ctx).Err(); err != nil {
		_ = r.client.Close()
		return nil, fmt.Errorf("reach Redis: %w", err)
	}
	return r, nil
}

// Close ends the connections.
func (r *Redis) Close() error { return r.client.Close() }

var (
	swap = redis.NewScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
  return 1
end
return 0`)
	commit = redis.NewScript(`
for i, key in ipairs(KEYS) do
  if (redis.call('GET', key) or '') ~= ARGV[3 * i - 2] then return 0 end
end
for i, key in ipairs(KEYS) do
  local new, life = ARGV[3 * i - 1], ARGV[3 * i]
  if new == '' then
    redis.call('DEL', key)
  elseif life == '0' then
    redis.call('SET', key, new, 'KEEPTTL')
  else
    redis.call('SET', key, new, 'PX', life)
  end
end
return 1`)
	count = redis.NewScript(`
local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return n`)
)

// Get implements [State].
func (r *Redis) Get(ctx context.Context, key string) (value string, ok bool, err error) {
	return found(r.client.Get(ctx, key).Result())
}

// Set implements [State].
func (r *Redis) Set(ctx context.Context, key, value string, life time.Duration) error {
	return r.client.Set(ctx, key, value, life).Err()
}

// Add implements [State].
func (r *Redis) Add(ctx context.Context, key, value string, life time.Duration) (bool, error) {
	err := r.client.SetArgs(ctx, key, value, redis.SetArgs{Mode: "NX", TTL: life}).Err()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	return err == nil, err
}

// Swap implements [State].
func (r *Redis) Swap(ctx context.Context, key, old, value string) (bool, error) {
	return swap.Run(ctx, r.client, []string{key}, old, value).Bool()
}

// Commit implements [State].
func (r *Redis) Commit(ctx context.Context, changes ...Change) (bool, error) {
	var keys []string
	var args []any
	for _, c := range changes {
		keys = append(keys, c.Key)
		args = append(args, c.Old, c.New, c.Life.Milliseconds())
	}
	return commit.Run(ctx, r.client, keys, args...).Bool()
}

// Take implements [State].
func (r *Redis) Take(ctx context.Context, key string) (value string, ok bool, err error) {
	return found(r.client.GetDel(ctx, key).Result())
}

// Count implements [State].
func (r *Redis) Count(ctx context.Context, key string, life time.Duration) (int, error) {
	return count.Run(ctx, r.client, []string{key}, life.Milliseconds()).Int()
}

func found(value string, err error) (string, bool, error) {
	if errors.Is(err, redis.Nil) {
		return "", false, nil
	}
	return value, err == nil, err
}
